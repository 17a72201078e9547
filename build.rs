//! Has cargo build the binary anew when a file is added to the definitions, which are compiled into it.

fn main() {
    for folder in ["boards", "profiles", "overlays"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
