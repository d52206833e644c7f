//! A progress bar on a terminal for long work; nothing at all when the output is piped.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Fewer pictures than this are done before anybody could look at a bar.
const WORTH_A_BAR: usize = 8;

/// How far a long job is.
#[derive(Debug)]
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    pub(super) fn new(total: usize, on_terminal: bool) -> Self {
        if !on_terminal || total < WORTH_A_BAR {
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr_with_hz(5));
        if let Ok(style) = ProgressStyle::with_template("  {bar:30} {pos}/{len} pictures, {eta} left") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        Self(Some(bar))
    }

    pub(super) fn one_done(&self) {
        if let Some(bar) = &self.0 {
            bar.inc(1);
        }
    }

    /// Prints something without tearing the bar.
    pub(super) fn above(&self, print: impl FnOnce() -> std::io::Result<()>) -> std::io::Result<()> {
        match &self.0 {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
