//! The command line's side of the socket.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use super::words::{LONGEST_REPLY, Reply, Request};

/// Why there is no reply: what happened and what to do.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("nobody listens at {}: is the daemon running? (systemctl status amslpr)", .0.display())]
    Nobody(PathBuf),
    #[error("{} is not for this user; ask as root or as the daemon's own user", .0.display())]
    NotAllowed(PathBuf),
    #[error("the daemon gave no answer: {0}")]
    Silent(io::Error),
    #[error("the daemon answered nonsense; are this program and the daemon of one version?")]
    Nonsense,
}

/// Asks and waits for the reply, at most this long.
pub fn ask(socket: &Path, request: &Request, patience: Duration) -> Result<Reply, AskError> {
    let mut stream = UnixStream::connect(socket).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => AskError::NotAllowed(socket.to_owned()),
        _ => AskError::Nobody(socket.to_owned()),
    })?;
    let talk = |stream: &mut UnixStream| {
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut answer = Vec::new();
        stream.take(LONGEST_REPLY as u64).read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = talk(&mut stream).map_err(AskError::Silent)?;
    if answer.is_empty() {
        return Err(AskError::Silent(io::ErrorKind::UnexpectedEof.into()));
    }
    serde_json::from_slice(&answer).map_err(|_| AskError::Nonsense)
}
