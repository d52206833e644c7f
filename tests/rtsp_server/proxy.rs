//! A proxy between camera and daemon that spoils the way: cut, stalled, half open, slow, full of garbage.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use amslpr::clock::{Clock, SystemClock};

/// What happens to bytes on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// They arrive.
    Open = 0,
    /// Connections are closed, new ones refused.
    Cut = 1,
    /// Connections stay, nothing comes any more, new ones are answered by nobody: the machine behind is gone.
    HalfOpen = 2,
    /// What the camera sends comes 150 ms late.
    Slow = 3,
    /// Some of what the camera sends is replaced by noise.
    Garbage = 4,
    /// What the camera sends stops in the middle of a picture; the connection stays, and requests are still carried.
    Stalled = 5,
}

impl Way {
    pub(crate) const FAULTS: [Self; 4] = [Self::Cut, Self::HalfOpen, Self::Garbage, Self::Stalled];

    fn from(code: u8) -> Self {
        [Self::Open, Self::Cut, Self::HalfOpen, Self::Slow, Self::Garbage, Self::Stalled]
            .into_iter()
            .find(|way| *way as u8 == code)
            .unwrap()
    }
}

#[derive(Debug)]
struct Shared {
    way: AtomicU8,
    target: SocketAddr,
    stop: AtomicBool,
    open: AtomicUsize,
    accepted: AtomicU64,
}

pub(crate) struct Proxy {
    shared: Arc<Shared>,
    pub port: u16,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// In front of this port of the loopback.
    pub(crate) fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let shared = Arc::new(Shared {
            way: AtomicU8::new(0),
            target: SocketAddr::from(([127, 0, 0, 1], target)),
            stop: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            accepted: AtomicU64::new(0),
        });
        let own = Arc::clone(&shared);
        let thread = thread::spawn(move || own.listen(&listener));
        Self { shared, port, thread: Some(thread) }
    }

    pub(crate) fn set(&self, way: Way) {
        self.shared.way.store(way as u8, Ordering::SeqCst);
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Connections that were accepted so far, whatever became of them.
    pub(crate) fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = self.thread.take().unwrap().join();
    }
}

const GLANCE: Duration = Duration::from_millis(10);

impl Shared {
    fn way(&self) -> Way {
        Way::from(self.way.load(Ordering::SeqCst))
    }

    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        let clock = SystemClock::start();
        while !self.stop.load(Ordering::SeqCst) {
            match listener.accept() {
                Ok((client, _)) => {
                    self.accepted.fetch_add(1, Ordering::SeqCst);
                    let own = Arc::clone(self);
                    own.open.fetch_add(1, Ordering::SeqCst);
                    thread::spawn(move || {
                        own.carry(client);
                        own.open.fetch_sub(1, Ordering::SeqCst);
                    });
                }
                Err(_) => clock.sleep(GLANCE),
            }
        }
        while self.open.load(Ordering::SeqCst) > 0 {
            clock.sleep(GLANCE);
        }
    }

    /// One connection: a thread for each direction, until either end or a cut closes it.
    fn carry(&self, client: TcpStream) {
        let clock = SystemClock::start();
        // Whoever connects to a machine that is gone waits, and is forgotten when it comes back.
        while self.way() == Way::HalfOpen && !self.stop.load(Ordering::SeqCst) {
            clock.sleep(GLANCE);
            if clock.now().as_micros() > 60_000_000 {
                return;
            }
        }
        if self.way() == Way::Cut || clock.now().as_micros() > 100_000 {
            return;
        }
        let Ok(server) = TcpStream::connect(self.target) else { return };
        let (Ok(to_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) else { return };
        let was_half_open = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| self.pump(client, to_server, false, &was_half_open));
            self.pump(server, to_client, true, &was_half_open);
        });
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, from_camera: bool, was_half_open: &AtomicBool) {
        let clock = SystemClock::start();
        from.set_read_timeout(Some(GLANCE)).unwrap();
        let mut bytes = vec![0; 64 << 10];
        let mut carried = 0u64;
        while !self.stop.load(Ordering::SeqCst) {
            let way = self.way();
            if way == Way::Cut {
                break;
            }
            let read = match from.read(&mut bytes) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    // The other machine has started anew and knows nothing of this connection.
                    if was_half_open.load(Ordering::SeqCst) && self.way() != Way::HalfOpen {
                        break;
                    }
                    continue;
                }
                Err(_) => break,
            };
            carried += read as u64;
            let bytes = &mut bytes[..read];
            match (self.way(), from_camera) {
                (Way::HalfOpen, _) => {
                    was_half_open.store(true, Ordering::SeqCst);
                    continue;
                }
                (Way::Stalled, true) => {
                    was_half_open.store(true, Ordering::SeqCst);
                    continue;
                }
                (Way::Slow, true) => clock.sleep(Duration::from_millis(150)),
                (Way::Garbage, true) => {
                    let mut dice = carried.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
                    for byte in bytes.iter_mut() {
                        dice ^= dice << 13;
                        dice ^= dice >> 7;
                        dice ^= dice << 17;
                        if dice.is_multiple_of(11) {
                            *byte = (dice >> 32) as u8;
                        }
                    }
                }
                _ => {}
            }
            if was_half_open.load(Ordering::SeqCst) || to.write_all(bytes).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}
