//! Facts on the terminal while the daemon runs in the foreground: a line for each decision and each passage.

use std::{
    io::{self, Write},
    sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use jiff::tz::TimeZone;

use crate::{fact::Fact, passage::Reading};

/// Lines that may wait for a slow terminal; more are counted and not printed.
const WAITING: usize = 64;

/// The printing thread. Dropping the last sender ends it.
#[derive(Debug)]
pub(super) struct Screen(Option<JoinHandle<()>>);

impl Screen {
    /// Starts printing. `plates`: whether plates may be shown.
    pub(super) fn start(plates: bool) -> io::Result<(Self, SyncSender<Fact>)> {
        let (sender, receiver) = sync_channel::<Fact>(WAITING);
        let thread = thread::Builder::new().name("screen".to_owned()).spawn(move || {
            loop {
                match receiver.recv_timeout(Duration::from_secs(1)) {
                    Ok(fact) => {
                        let mut out = io::stdout().lock();
                        let Some(line) = line(&fact, plates) else { continue };
                        // Nobody looks any more: go on recording without a screen.
                        if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                            return;
                        }
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok((Self(Some(thread)), sender))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take()
            && thread.join().is_err()
        {
            tracing::error!("the screen thread panicked; this is a bug in amslpr");
        }
    }
}

/// `None`: nothing that anybody watches.
fn line(fact: &Fact, plates: bool) -> Option<String> {
    let plate = |reading: Option<&Reading>| match reading {
        None => ("(unreadable)".to_owned(), String::new()),
        Some(r) if plates => (r.text.to_string(), r.confidence.to_string()),
        Some(r) => ("(hidden)".to_owned(), r.confidence.to_string()),
    };
    let clock =
        |at: jiff::Timestamp| at.to_zoned_datetime(TimeZone::system()).strftime("%H:%M:%S").to_string();
    Some(match fact {
        Fact::Evidence(_) => return None,
        Fact::Gate(e) => {
            let reason = e.step.reason().map(|reason| format!(" ({reason})")).unwrap_or_default();
            format!("{}  {:<10}  gate      {}{reason}", clock(e.at), e.gate.as_str(), e.step.as_str())
        }
        Fact::Decided(d) => {
            let (text, confidence) = plate(d.reading.as_ref());
            let list = d.decision.list.as_deref().map(|l| format!(" on {l}")).unwrap_or_default();
            format!(
                "{}  {:<10}  decision  {text:<12} {confidence:>4}  {} ({}{list})",
                clock(d.at),
                d.camera.as_str(),
                d.decision.verdict.as_str(),
                d.decision.reason.as_str(),
            )
        }
        Fact::Closed(c) => {
            let p = &c.passage;
            let (text, confidence) = plate(p.reading.as_ref());
            let seconds = p.ended.map_or(0.0, |end| end.duration_since(p.began).as_secs_f64());
            format!(
                "{}  {:<10}  passage   {text:<12} {confidence:>4}  {} frames in {seconds:.1} s, {} reads{}",
                clock(p.ended.unwrap_or(p.began)),
                p.camera.as_str(),
                p.frames,
                c.reads.len(),
                p.direction.map(|d| format!(", {}", d.as_str())).unwrap_or_default(),
            )
        }
    })
}
