//! The daemon's side of the socket: accepts, reads a line, has it done, answers.
//!
//! Only root and the daemon's own user are heard, whatever the file's mode should say. A caller that is slow, silent
//! or long-winded is dropped; nobody can hold more than a place in a small queue.

use std::{
    fmt, fs, io,
    os::unix::{
        fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _},
        net::UnixStream as StdStream,
    },
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    time::timeout,
};

use super::words::{self, LONGEST, Reply, Request};
use crate::{
    clock::Clock,
    heartbeat::Heartbeat,
    shutdown::{Stop, Trigger, shutdown},
};

/// Callers at a time.
const CALLERS: usize = 8;
/// A caller says what it wants within this time, and takes the answer within this time.
const TALK: Duration = Duration::from_secs(2);
/// Nothing that is asked for takes longer.
const WORK: Duration = Duration::from_secs(20);

/// Who asks, as the kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) struct Caller {
    pub uid: u32,
}

/// Does what is asked for; may take its time.
pub(in crate::daemon) type Handler = Arc<dyn Fn(Request, Caller) -> Reply + Send + Sync>;

/// The listening socket. Dropping it closes it and takes its file away.
pub(in crate::daemon) struct Control {
    path: PathBuf,
    stop: Option<Trigger>,
    thread: Option<JoinHandle<()>>,
    heartbeat: Heartbeat,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("path", &self.path).finish()
    }
}

impl Control {
    pub(in crate::daemon) fn start(path: &Path, handler: Handler, clock: Arc<dyn Clock>) -> io::Result<Self> {
        make_folder(path)?;
        make_room(path)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(CALLERS)
            .build()?;
        let listener = {
            let _context = runtime.enter();
            UnixListener::bind(path)?
        };
        // Its folder keeps others out in the moment between.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        let heartbeat = Heartbeat::new(clock);
        let (trigger, stop) = shutdown();
        let stop = stop.beating(heartbeat.clone());
        let thread = thread::Builder::new().name("control".to_owned()).spawn(move || {
            runtime.block_on(listen(listener, handler, stop));
            // Whoever is still being served gets no answer any more.
            runtime.shutdown_timeout(Duration::from_millis(100));
        })?;
        Ok(Self { path: path.to_owned(), stop: Some(trigger), thread: Some(thread), heartbeat })
    }

    pub(in crate::daemon) const fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the control thread panicked; this is a bug in amslpr");
        }
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "the control socket's file stays");
        }
    }
}

/// The folder of the socket, if it is not there; its parent has to be.
pub(in crate::daemon) fn make_folder(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    match fs::DirBuilder::new().mode(0o750).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Takes the socket of a daemon away that is no more; leaves everything else alone.
fn make_room(path: &Path) -> io::Result<()> {
    let exists = |why: &str| Err(io::Error::new(io::ErrorKind::AddrInUse, why.to_owned()));
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(meta) if !meta.file_type().is_socket() => exists("there is a file of this name that is no socket"),
        Ok(_) if StdStream::connect(path).is_ok() => exists("another daemon listens there"),
        Ok(_) => fs::remove_file(path),
    }
}

async fn listen(listener: UnixListener, handler: Handler, stop: Stop) {
    let places = Arc::new(Semaphore::new(CALLERS));
    let mut complained = false;
    loop {
        let accepted = tokio::select! {
            () = stop.stopped() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                if !std::mem::replace(&mut complained, true) {
                    tracing::warn!(%error, "a caller at the control socket could not be let in");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // A caller beyond the last place is hung up on.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let handler = Arc::clone(&handler);
        tokio::spawn(async move {
            if let Err(why) = serve(stream, handler).await {
                tracing::warn!(why, "a caller at the control socket was not served");
            }
            drop(place);
        });
    }
}

async fn serve(mut stream: UnixStream, handler: Handler) -> Result<(), &'static str> {
    let peer = stream.peer_cred().map_err(|_| "the kernel does not say who it is")?;
    let caller = Caller { uid: peer.uid() };
    let own = rustix::process::geteuid().as_raw();
    let reply = if caller.uid != 0 && caller.uid != own {
        tracing::warn!(uid = caller.uid, "somebody who may not tried the control socket");
        Reply::refused("only root and the daemon's own user may ask")
    } else {
        let line = timeout(TALK, read_line(&mut stream)).await.map_err(|_| "it said nothing for 2 s")??;
        match words::parse(&line) {
            Err(why) => Reply::refused(why),
            Ok(request) => {
                let work = tokio::task::spawn_blocking(move || handler(request, caller));
                match timeout(WORK, work).await {
                    Ok(Ok(reply)) => reply,
                    Ok(Err(_)) | Err(_) => Reply::refused("it came to nothing; see the daemon's log"),
                }
            }
        }
    };
    let mut json = serde_json::to_vec(&reply).map_err(|_| "the reply could not be written")?;
    json.push(b'\n');
    match timeout(TALK, stream.write_all(&json)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err("it went away before the answer"),
        Err(_) => Err("it did not take the answer"),
    }
}

/// Up to the line end, which is not part of it.
async fn read_line(stream: &mut UnixStream) -> Result<Vec<u8>, &'static str> {
    let mut line = Vec::new();
    let mut buffer = [0u8; 512];
    loop {
        let read = stream.read(&mut buffer).await.map_err(|_| "it went away")?;
        let part = buffer.get(..read).unwrap_or_default();
        if let Some(end) = part.iter().position(|byte| *byte == b'\n') {
            line.extend_from_slice(part.get(..end).unwrap_or_default());
            return Ok(line);
        }
        if read == 0 {
            return Err("it went away in the middle of a line");
        }
        line.extend_from_slice(part);
        if line.len() > LONGEST {
            return Err("its line is longer than 8 KiB");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::*;
    use crate::daemon::control::ask::ask;

    const SOON: Duration = Duration::from_secs(20);

    fn echo() -> Handler {
        Arc::new(|request, caller| match request {
            Request::GateOpen { gate, reason, .. } => {
                Reply::done(format!("{gate} for {reason} by {}", caller.uid))
            }
            Request::Trace { .. } => Reply::refused("nothing to trace"),
            Request::Status => {
                Reply { report: Some(serde_json::json!({"long": "x".repeat(100_000)})), ..Reply::done("") }
            }
        })
    }

    fn clock() -> Arc<dyn Clock> {
        Arc::new(crate::clock::SystemClock::start())
    }

    fn open(gate: &str) -> Request {
        Request::GateOpen { gate: gate.to_owned(), reason: "post".to_owned(), name: None }
    }

    #[test]
    fn a_request_is_answered_and_the_file_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("amslpr/control.sock");
        let control = Control::start(&path, echo(), clock()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o750));
        let uid = rustix::process::geteuid().as_raw();
        let reply = ask(&path, &open("north"), SOON).unwrap();
        assert_eq!(reply, Reply::done(format!("north for post by {uid}")));
        let report = ask(&path, &Request::Status, SOON).unwrap().report.unwrap();
        assert_eq!(report["long"].as_str().map(str::len), Some(100_000), "a long report comes whole");
        drop(control);
        assert!(!path.exists());
        let error = ask(&path, &open("north"), SOON).unwrap_err().to_string();
        assert!(error.contains("is the daemon running?"), "{error}");
    }

    #[test]
    fn a_dead_daemon_s_socket_is_taken_over_and_a_living_one_s_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let control = Control::start(&path, echo(), clock()).unwrap();
        let error = Control::start(&path, echo(), clock()).unwrap_err();
        assert!(error.to_string().contains("another daemon"), "{error}");
        assert!(ask(&path, &open("north"), SOON).unwrap().ok, "the first one still listens");
        drop(control);
        fs::write(&path, "precious").unwrap();
        assert!(Control::start(&path, echo(), clock()).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn callers_that_talk_nonsense_too_much_or_not_at_all_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let done = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&done);
        let _control = Control::start(
            &path,
            Arc::new(move |_, _| {
                counted.fetch_add(1, Ordering::SeqCst);
                Reply::done("")
            }),
            clock(),
        )
        .unwrap();
        let say = |bytes: &[u8]| {
            let mut stream = StdStream::connect(&path).unwrap();
            stream.set_read_timeout(Some(SOON)).unwrap();
            // Hung up on in the middle of it, perhaps.
            let _ = stream.write_all(bytes);
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answer
        };
        assert!(say(b"open sesame\n").contains("this is no request"));
        assert!(say(b"\xff\xff\n").contains("this is no request"));
        assert_eq!(say(&vec![b'x'; 100_000]), "");
        assert_eq!(say(b""), "", "silence is not waited for");
        // More silent callers than there are places: the next one is served once they have been dropped.
        let silent: Vec<_> = (0..3 * CALLERS).map(|_| StdStream::connect(&path).unwrap()).collect();
        let clock = crate::clock::SystemClock::start();
        while !ask(&path, &open("north"), SOON).is_ok_and(|reply| reply.ok) {
            assert!(crate::clock::Clock::now(&clock).as_micros() < 20_000_000, "never served again");
        }
        drop(silent);
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }
}
