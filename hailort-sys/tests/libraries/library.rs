//! A library of HailoRT's form for the tests of opening: as many functions as the compiler is asked for.
//!
//! Built by `opening.rs` with `rustc --crate-type cdylib`; `--cfg complete` adds every required function. None but
//! the version is ever called here.

#[repr(C)]
pub struct RawVersion {
    major: u32,
    minor: u32,
    revision: u32,
}

const VERSION: &str = env!("FAKE_VERSION");

/// # Safety
/// `version` points to a writable `hailo_version_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_get_library_version(version: *mut RawVersion) -> i32 {
    let mut numbers = VERSION.split('.').map(|n| n.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let told = RawVersion { major: next(), minor: next(), revision: next() };
    // SAFETY: the caller's promise.
    unsafe { version.write(told) };
    0
}

#[cfg(complete)]
include!(env!("FAKE_FUNCTIONS"));
