//! The daemon's ear on its own machine: a Unix socket for root and the daemon's own user, a line in, a line out.
//!
//! ```text
//! words    requests and replies, one JSON object on a line each
//! serve    the daemon's side: bounded in size, number and time
//! ask      the other side, for the command line
//! ```
//!
//! Knows how to carry a request; doing it is the business of whoever `serve::Control` was given. A new request is
//! a new variant in [`words::Request`].

pub mod ask;
pub(super) mod serve;
pub mod words;
