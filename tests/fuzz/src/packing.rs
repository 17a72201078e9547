//! `packing`: base images as they are fetched: xz, gzip, bzip2, zstd, zip or nothing around a disk.
//!
//! Invariant: whatever the file is, unpacking it ends without a panic and in the memory that its
//! decoders may take; what unpacks twice gives the same bytes.

use super::limits::within;
use imgbuild::base::input::Input;
use imgbuild::base::packing::unpack;
use std::io::{self, Read};

/// The memory that xz may take, which is the largest of all formats.
const MEMORY: usize = 640 << 20;
/// The number of bytes of a disk that are read.
const MOST: u64 = 8 << 20;

pub fn run(input: &[u8]) {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let path = folder.path().join("base");
    fs_err::write(&path, input).expect("there is room for a file");
    let read = || {
        let file = fs_err::File::open(&path).expect("it is there");
        let input = Input::new(file).expect("it has a length");
        let unpacked = unpack(input, 1, folder.path().join("scratch"), |_, disk| {
            let mut hash = imgbuild::digest::HashingWriter::new(io::sink());
            io::copy(&mut disk.take(MOST), &mut hash)?;
            Ok(hash.finish().1)
        });
        unpacked.map(|unpacked| unpacked.disk)
    };
    match within(MEMORY, read) {
        Ok(digest) => assert_eq!(read().expect("what unpacks once unpacks again"), digest),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
