//! HailoRT's C API without linking to it: checked layouts, and a table of functions opened at run time.
//!
//! One build serves HailoRT 4.20 to 5.2 and machines that have no Hailo at all, because the library's SONAME is its
//! full version and a linked program would start with exactly one release.
//!
//! ```text
//! layout   structs as the C compiler lays them out, held by assertions at compile time
//! status   what functions return
//! table    the functions, as pointers
//! open     finding the library, opening it, refusing versions whose layouts were not checked
//! ```
//!
//! Names and layouts are those of `hailort.h` as measured with a C compiler, release by release, on x86-64 and arm64.
//! Nothing here is safe to call without the header's rules in mind; the safe engine stands in the `amslpr` crate.

pub mod layout;
mod open;
mod status;
mod table;

pub use open::{Library, OpenError, Supported, Version, logs_to_files};
pub use status::{Remedy, Status};
pub use table::{Functions, NotificationCallback, OPTIONAL, REQUIRED};
