//! What HailoRT functions return, and what a caller can do about it.

use std::fmt;

/// A `hailo_status`. Numbers that no checked release knows are possible and are no error of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Status(pub i32);

/// What to do about a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// Nothing went wrong.
    None,
    /// The same call again, once.
    Retry,
    /// Release everything from the virtual device down and make it anew.
    Rebuild,
    /// The device or its driver is sick: leave it alone for a while.
    BackOff,
    /// Nobody there, or somebody else uses it: look again from time to time.
    Rescan,
    /// Until somebody changes something (versions, files), every further try fails alike.
    GiveUp,
    /// The device has not enough room: smaller batches, fewer networks.
    Shrink,
    /// We asked for something senseless.
    OurFault,
}

impl Status {
    pub const SUCCESS: Self = Self(0);
    pub const TIMEOUT: Self = Self(4);
    pub const NOT_IMPLEMENTED: Self = Self(7);
    pub const INVALID_HEF: Self = Self(26);
    pub const STREAM_ABORTED: Self = Self(63);
    pub const OUT_OF_PHYSICAL_DEVICES: Self = Self(74);
    pub const INVALID_DRIVER_VERSION: Self = Self(76);

    pub const fn is_success(self) -> bool {
        self.0 == 0
    }

    pub const fn remedy(self) -> Remedy {
        match self.0 {
            0 => Remedy::None,
            // A timeout is worth one more try; whoever sees several in a row rebuilds.
            4 | 28 | 82 | 88 => Remedy::Retry,
            8 | 63 | 68 | 69 | 70 | 72 | 80 | 95 => Remedy::Rebuild,
            13 | 61 | 64 | 73 | 74 => Remedy::Rescan,
            7 | 15 | 16 | 23 | 26 | 75 | 76 | 78 | 79 | 86 | 91 | 92 | 93 | 94 => Remedy::GiveUp,
            47 | 71 => Remedy::Shrink,
            2 | 5 | 6 | 9 => Remedy::OurFault,
            _ => Remedy::BackOff,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = match *self {
            Self::SUCCESS => "success",
            Self::TIMEOUT => "timeout",
            Self::NOT_IMPLEMENTED => "not implemented; a Hailo-10H says this to every C program",
            Self::INVALID_HEF => "the HEF is not valid",
            Self::STREAM_ABORTED => "the stream was aborted",
            Self::OUT_OF_PHYSICAL_DEVICES => "no free device",
            Self::INVALID_DRIVER_VERSION => {
                "driver and library are of different versions; reboot after an upgrade"
            }
            _ => return write!(f, "HailoRT status {}", self.0),
        };
        write!(f, "HailoRT status {}: {meaning}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_no_release_knows_is_taken_for_a_sick_device() {
        assert_eq!(Status(4711).remedy(), Remedy::BackOff);
        assert_eq!(Status(-1).remedy(), Remedy::BackOff);
        assert_eq!(Status(4711).to_string(), "HailoRT status 4711");
    }

    #[test]
    fn a_version_mismatch_is_not_tried_again() {
        assert_eq!(Status::INVALID_DRIVER_VERSION.remedy(), Remedy::GiveUp);
        assert_eq!(Status::NOT_IMPLEMENTED.remedy(), Remedy::GiveUp);
        assert_eq!(Status::OUT_OF_PHYSICAL_DEVICES.remedy(), Remedy::Rescan);
        assert_eq!(Status::STREAM_ABORTED.remedy(), Remedy::Rebuild);
    }
}
