//! Without symbols the library is small: every test works on a copy of its own.

fn main() {
    println!("cargo:rustc-cdylib-link-arg=-Wl,--strip-all");
    println!("cargo:rerun-if-changed=build.rs");
}
