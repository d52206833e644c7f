//! Connections: so many at a time, so many from one address, and none that keeps its place by being slow.
//!
//! A connection has to say something soon, to finish its TLS greeting and the head of each request soon, and to take
//! what it is given; otherwise it is closed. Whether HTTP/1 or 2 is spoken is agreed in the greeting, or seen from the
//! first bytes.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, body::Body, extract::Request};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::{
    Shared,
    guard::Peer,
    rate, routes,
    stats::{Present, Refused},
};
use crate::{
    backoff::{self, Backoff},
    shutdown::Stop,
};

/// Whoever connects says something within this time, and greets and asks within this time.
const HEAD: Duration = Duration::from_secs(5);
/// The first request is there within this time.
const FIRST: Duration = Duration::from_secs(8);
/// Bytes that are not taken for this long are not wanted.
const STALL: Duration = Duration::from_secs(10);
/// Head of a request, with everything in it.
const LONGEST_HEAD: usize = 16 << 10;
const MOST_HEADERS: usize = 64;
/// What the system holds back for one slow listener.
const SEND_BUFFER: u32 = 64 << 10;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 128;
/// How long the end waits for those who are told of it.
const GOODBYE: Duration = Duration::from_millis(500);
/// What HTTP/2 begins with, and HTTP/1 never.
const PREFACE: &[u8] = b"PRI";

/// Accepts and serves until the stop. Without a `listener` it gets one itself, as soon as the address is free.
pub(super) async fn serve(
    shared: Shared,
    listener: Option<TcpListener>,
    tls: Option<TlsAcceptor>,
    stop: Stop,
) {
    let listener = match listener {
        Some(listener) => listener,
        None => match listen(&shared, &stop).await {
            Some(listener) => listener,
            None => return,
        },
    };
    let (address, encrypted) = (shared.settings.listen, tls.is_some());
    tracing::info!(%address, tls = encrypted, "HTTP is served");
    let router = routes::router(&shared);
    let places = Arc::new(Places::default());
    let most = shared.settings.connections;
    loop {
        let accepted = tokio::select! {
            () = stop.stopped() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(place) = Places::take(&places, peer.ip(), most) else {
            shared.stats.refused(Refused::Connections);
            continue;
        };
        let (shared, router, tls, stop) = (shared.clone(), router.clone(), tls.clone(), stop.clone());
        tokio::spawn(async move {
            let present = Present::new(&shared.stats.connections);
            if let Err(error) = connection(&shared, stream, peer, tls, router, stop).await {
                tracing::trace!(%error, %peer, "connection ended");
            }
            drop((present, place));
        });
    }
    // Listeners are told, and what is being answered is answered.
    let listening = || {
        let count = |count: &std::sync::atomic::AtomicU64| count.load(std::sync::atomic::Ordering::Relaxed);
        count(&shared.stats.connections) + count(&shared.stats.websocket) > 0
    };
    for _ in 0..GOODBYE.as_millis() / 10 {
        if !listening() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Tries until the address can be had; `None` at the stop.
async fn listen(shared: &Shared, stop: &Stop) -> Option<TcpListener> {
    let address = shared.settings.listen;
    let mut backoff = Backoff::new(backoff::Settings::default());
    loop {
        match bind(address) {
            Ok(listener) => {
                if shared.stats.set_trouble(None) {
                    tracing::info!(%address, "HTTP is served again");
                }
                return Some(listener);
            }
            Err(error) => {
                let words = format!("nobody is served at {address}: {error}");
                if shared.stats.set_trouble(Some(&words)) {
                    tracing::error!(%address, %error, "HTTP cannot be served; tried again");
                }
                tokio::select! {
                    () = stop.stopped() => return None,
                    () = sleep(backoff.after_failure(backoff::chance())) => {}
                }
            }
        }
    }
}

pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn connection(
    shared: &Shared,
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: Stop,
) -> Outcome {
    stream.set_nodelay(true)?;
    let late = |_| {
        shared.stats.refused(Refused::Timeout);
        io::Error::from(io::ErrorKind::TimedOut)
    };
    match tls {
        None => {
            let is_h2 = timeout(HEAD, begins_like_h2(&stream)).await.map_err(late)??;
            speak(shared, patient(stream), is_h2, peer, router, stop).await
        }
        Some(tls) => {
            let stream = timeout(HEAD, tls.accept(stream)).await.map_err(late)??;
            let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            speak(shared, patient(stream), is_h2, peer, router, stop).await
        }
    }
}

/// A stream that gives up when nothing of what it writes is taken.
fn patient<S: AsyncRead + AsyncWrite>(stream: S) -> TimeoutStream<S> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALL));
    stream
}

async fn begins_like_h2(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0; PREFACE.len()];
    loop {
        let seen = stream.peek(&mut first).await?;
        let seen = first.get(..seen).unwrap_or_default();
        if seen.len() == PREFACE.len() || !PREFACE.starts_with(seen) || seen.is_empty() {
            return Ok(seen == PREFACE);
        }
        // The same bytes are seen again and again until there are more.
        sleep(Duration::from_millis(5)).await;
    }
}

async fn speak<S>(
    shared: &Shared,
    stream: TimeoutStream<S>,
    is_h2: bool,
    peer: SocketAddr,
    router: Router,
    stop: Stop,
) -> Outcome
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let io = TokioIo::new(Box::pin(stream));
    let asked = Arc::new(Notify::new());
    let tell = Arc::clone(&asked);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        tell.notify_one();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request)
    });
    // Whoever has greeted and then asks nothing is gone, or up to no good.
    let silent = async {
        if timeout(FIRST, asked.notified()).await.is_ok() {
            std::future::pending::<()>().await;
        }
    };
    let late = || {
        shared.stats.refused(Refused::Timeout);
        Err(io::Error::from(io::ErrorKind::TimedOut).into())
    };
    if is_h2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(STALL))
            .keep_alive_timeout(HEAD)
            .max_concurrent_streams(16)
            .max_header_list_size(LONGEST_HEAD as u32)
            .max_send_buf_size(256 << 10);
        let mut connection = std::pin::pin!(builder.serve_connection(io, service));
        tokio::select! {
            outcome = connection.as_mut() => return Ok(outcome?),
            () = silent => return late(),
            () = stop.stopped() => connection.as_mut().graceful_shutdown(),
        }
        return Ok(connection.await?);
    }
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LONGEST_HEAD);
    let mut connection = std::pin::pin!(builder.serve_connection(io, service).with_upgrades());
    tokio::select! {
        outcome = connection.as_mut() => match outcome {
            Err(error) if error.is_timeout() => return late(),
            outcome => return Ok(outcome?),
        },
        () = silent => return late(),
        () = stop.stopped() => connection.as_mut().graceful_shutdown(),
    }
    Ok(connection.await?)
}

/// Who holds how many connections.
#[derive(Debug, Default)]
struct Places(Mutex<HashMap<IpAddr, usize>>);

#[derive(Debug)]
struct Place {
    of: Arc<Places>,
    who: IpAddr,
}

impl Places {
    /// `None`: there are too many already, or too many of this address.
    fn take(places: &Arc<Self>, address: IpAddr, most: usize) -> Option<Place> {
        let who = rate::whose(address);
        let mut held = places.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = held.values().sum();
        let own = held.get(&who).copied().unwrap_or(0);
        // Nobody keeps everybody else out.
        if all >= most || own >= (most * 3 / 4).max(1) {
            return None;
        }
        held.insert(who, own + 1);
        Some(Place { of: Arc::clone(places), who })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.who) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                held.remove(&self.who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_does_not_keep_the_others_out() {
        let places = Arc::new(Places::default());
        let take = |address: &str| Places::take(&places, address.parse().unwrap(), 8);
        let one: Vec<_> = (0..10).filter_map(|_| take("10.0.0.1")).collect();
        assert_eq!(one.len(), 6);
        let (second, third) = (take("10.0.0.2"), take("10.0.0.3"));
        assert!(second.is_some() && third.is_some() && take("10.0.0.4").is_none());
        drop(one);
        drop(second);
        assert!(take("10.0.0.1").is_some());
        assert_eq!(places.0.lock().unwrap().len(), 1);
    }
}
