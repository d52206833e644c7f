//! AMSLPR: a licence-plate reader for the edge.

pub mod access;
pub mod backoff;
pub mod capture;
pub mod clock;
pub mod config;
pub mod detect;
pub mod fact;
pub mod frame;
pub mod geometry;
pub mod infer;
pub mod journal;
pub mod mailbox;
pub mod passage;
pub mod plate;
pub mod publish;
pub mod read;
pub mod shutdown;
pub mod track;
