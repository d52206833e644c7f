//! HailoRT's C interface without a Hailo: our own networks on our own CPU engine, behind the same functions, with the
//! same layouts and the same oddities.
//!
//! ```text
//! abi       the exported functions
//! world     which objects are alive, and which of them leaked
//! chip      the thread that plays the chip: round robin, batches, latency
//! network   what a network of a file of ours computes
//! hef       files that this library reads: a real container around a few lines of text
//! script    which call fails how; from FAKE_HAILORT in the environment, or set by a test
//! ```
//!
//! No part of this is shipped. It knows nothing of the engine that is tested with it.

#![allow(clippy::disallowed_methods, reason = "it plays hardware, which lives in real time")]
#![allow(clippy::missing_safety_doc, reason = "the rules are those of hailort.h")]

#[expect(unreachable_pub, reason = "exported from the library, not from the crate")]
mod abi;
mod chip;
pub mod hef;
mod network;
mod script;
mod world;

use std::path::PathBuf;

/// Where cargo puts the library of the build that this test belongs to.
pub fn library() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    let folder = test.parent().map(PathBuf::from).unwrap_or_default();
    folder.join("libfake_hailort.so")
}
