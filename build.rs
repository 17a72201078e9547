//! Has cargo look again at the definitions that go into the binary when a file of them is new.

#![expect(clippy::print_stdout, reason = "this is how cargo is told")]

fn main() {
    for folder in ["boards", "profiles", "overlays"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
