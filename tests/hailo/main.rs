//! The Hailo engine against a HailoRT of our own: same results, every fault, failover, batching, and no leak.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod daemon;
mod doctor;
mod faults;
mod results;
mod rig;
