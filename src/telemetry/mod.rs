//! How long the stages take and how often they fail: meters that every stage writes and every report reads.
//!
//! A [`Meter`] stands in the statistics of whoever does the work (`capture::CameraStats`, `daemon::pipeline::Stats`,
//! `journal::Stats` ...), which stay the one source; this module only knows how to count and to measure. Noting costs
//! a few atomic additions: no lock, no allocation, and memory that does not grow. How a report is written is
//! `daemon::metrics`' and `daemon::health`'s business.
//!
//! ```text
//! histogram   times in buckets that are fixed, and what can be said of them
//! meter       a stage's times and errors
//! window      what the last minutes were like, out of figures that only ever grow
//! hits        how often something was there already
//! witness     whoever wants to see every single piece of work, as long as it wants to
//! ```

mod histogram;
mod hits;
mod meter;
mod window;
mod witness;

pub use histogram::{BOUNDS, Histogram, Times};
pub use hits::{HitCounts, Hits};
pub use meter::{Meter, Metered, Stage};
pub use window::Window;
#[cfg(test)]
pub(crate) use witness::alone;
pub use witness::{Span, Witness, watch};
