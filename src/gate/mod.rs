//! Asking a gate to open: one order, one pulse, and every way for it not to happen by accident.
//!
//! ```text
//! order     what a gate can be asked: open once, until then           pure
//! machine   an order's life: taken, waiting, on, let go               pure, with sensor: inputs, debounced
//! output    line, relay, wiegand, message                             what is behind a gate's name
//! contact   one pulse: a timer and a guard in threads of their own
//! run       the thread of one gate, which joins these
//! probe     an input alone, for whoever is woken by it
//! ```
//!
//! We request opening. Nothing here closes a gate, toggles anything or knows whether a gate is open: the operator
//! behind it has its own safety devices and decides. Recording and telling is done by whoever is given the events.

mod contact;
mod digest;
mod line;
mod machine;
mod order;
mod output;
mod probe;
#[cfg(test)]
mod recorder;
pub mod relay;
mod run;
mod sensor;
mod status;
pub mod wiegand;

pub use line::{Address, LineError, Pull, Wiring, bring_to_rest, user_of};
pub use machine::{LONGEST_VALIDITY, Memory, State};
pub use order::Order;
pub use output::{Outlet, Sensing, Settings as Output};
pub use probe::Probe;
pub use run::{Desk, Gate, OnState, Settings, Tell};
pub use status::{Counts, Status};
