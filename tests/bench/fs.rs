//! The driver of `ci/bench-fs`: makes trees for measurements, and makes a filesystem of a folder with the
//! writer of imgbuild or of mkext4. Each runs in a process of its own, so that its cost can be measured. For
//! `ci/bench` it counts the regions of an image.

#![expect(clippy::unwrap_used, reason = "a benchmark ends with what it saw")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

mod folder;
mod made;
mod ours;
mod peer;
mod peer_store;
mod reader;
mod regions;
mod store;

use std::path::Path;

const USAGE: &str = "usage: fs make (small | wide | sparse | special) FOLDER
       fs measure FOLDER                      prints bytes and inodes that its filesystem needs
       fs (ours | mkext4) FOLDER IMAGE BYTES INODES
       fs pack FOLDER STORE                   makes what a build has of the folder: a tree and an object
       fs (stored | mkext4-stored) STORE IMAGE BYTES INODES
       fs (read | mkext4-read) IMAGE          prints how many inodes and bytes of content it found
       fs memory INODES                       prints the memory of sealing so many small files
       fs regions BOARD PROFILE LOCK STORE    prints how many regions an image has";

fn main() -> std::process::ExitCode {
    // A build in `regions` starts this program again in its sandbox.
    if let Some(code) = imgbuild::sandbox::reenter(std::env::args_os()) {
        return code;
    }
    // `cargo bench` adds an argument of its own.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|given| given != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["make", kind, folder] => made::make(kind, Path::new(folder)),
        ["measure", folder] => {
            let (bytes, inodes) = ours::measure(Path::new(folder));
            println!("{bytes} {inodes}");
        }
        ["ours", folder, image, bytes, _] => {
            ours::write(Path::new(folder), Path::new(image), bytes.parse().unwrap());
        }
        ["pack", folder, store] => store::pack(Path::new(folder), Path::new(store)),
        ["read", image] => println!("{:?}", reader::ours(Path::new(image))),
        ["mkext4-read", image] => println!("{:?}", reader::mkext4(Path::new(image))),
        ["mkext4-stored", store, image, bytes, inodes] => peer_store::write(
            Path::new(store),
            Path::new(image),
            bytes.parse().unwrap(),
            inodes.parse().unwrap(),
        ),
        ["stored", store, image, bytes, _] => {
            store::write(Path::new(store), Path::new(image), bytes.parse().unwrap());
        }
        ["mkext4", folder, image, bytes, inodes] => peer::write(
            Path::new(folder),
            Path::new(image),
            bytes.parse().unwrap(),
            inodes.parse().unwrap(),
        ),
        ["memory", inodes] => println!("{}", ours::memory(inodes.parse().unwrap())),
        ["regions", board, profile, lock, store] => {
            println!(
                "{}",
                regions::count(board, profile, Path::new(lock), Path::new(store))
            );
        }
        _ => {
            eprintln!("{USAGE}");
            return 2.into();
        }
    }
    0.into()
}
