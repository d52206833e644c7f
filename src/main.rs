//! The `amslpr` program: hands its arguments to `cli` and its outcome to the shell. Nothing is decided here.

use std::process::ExitCode;

/// Counts what is allocated, for `amslpr bench`; costs two relaxed additions an allocation.
#[global_allocator]
static ALLOCATOR: &stats_alloc::StatsAlloc<std::alloc::System> = &stats_alloc::INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    // SAFETY: the first thing that the process does, so there is no other thread.
    unsafe { amslpr::infer::hailo::keep_library_from_logging() };
    amslpr::cli::run(std::env::args_os(), ALLOCATOR).into()
}
