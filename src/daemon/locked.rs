//! A camera whose password could not be had: it is not knocked at without one, for cameras lock out whoever does, and
//! everything else runs.

use crate::{
    capture::{CaptureError, Fault, Source, Stream},
    shutdown::Stop,
};

/// Fails to open, with the reason. A reload that finds the password opens the camera itself.
#[derive(Debug)]
pub(super) struct Locked {
    /// Where the camera would be.
    pub place: String,
    /// Why there is no password, and what to do.
    pub missing: String,
}

impl Source for Locked {
    fn describe(&self) -> String {
        self.place.clone()
    }

    fn is_live(&self) -> bool {
        true
    }

    fn open(&mut self, _: &Stop) -> Result<Box<dyn Stream>, CaptureError> {
        Err(CaptureError::new(&self.place, Fault::Connection(self.missing.clone())))
    }
}
