//! The command `imgbuild`.
fn main() {}
