//! Has cargo look again at the definitions that go into the binary when a file of them is new.

fn main() {
    for folder in ["boards", "profiles", "overlays"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
