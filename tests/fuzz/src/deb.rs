//! `deb`: a .deb file, from its `ar` shell to the members of control.tar and the entries of data.tar.
//!
//! Invariant: whatever the bytes are, opening ends without a panic, in memory of 64 times what is
//! decompressed and what the decoders take for themselves (a tenth of a GiB for xz at its largest
//! window that Debian uses); a .deb that opens once opens again to the same. The contents of its
//! files lie in its object one behind the other, each at a multiple of 4096 bytes and with zeros
//! behind it.
//!
//! Input: a byte that names a compression, and either a whole .deb or the content of its data.tar.

use super::limits::within;
use imgbuild::dpkg::deb::{OpenDeb, entries, open_all};
use imgbuild::store::Store;

const MEMORY: usize = 640 << 20;
/// Longer archives are not walked again, to keep the fuzzer quick.
const MOST_DATA: u64 = 1 << 20;

pub fn run(input: &[u8]) {
    let Some((form, bytes)) = input.split_first() else {
        return;
    };
    let deb = match form % 8 {
        0 => bytes.to_vec(),
        form => packed(form, bytes),
    };
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = Store::open(folder.path()).expect("an empty folder becomes a store");
    let digest = store.insert(&deb).expect("the store takes an object");
    let open = || {
        open_all(&store, &[digest], &|_| ())
            .pop()
            .expect("one result for one .deb")
    };
    let Ok(OpenDeb { control, data }) = within(MEMORY, open) else {
        return;
    };
    let again = open().expect("what opened once opens again");
    assert_eq!((again.control, again.data), (control, data));
    let path = store.object_path(&data);
    if fs_err::metadata(&path).is_ok_and(|metadata| metadata.len() <= MOST_DATA) {
        judge(&fs_err::read(path).expect("an object can be read"));
    }
}

/// Lists the files in the object of a package; see the invariant.
fn judge(object: &[u8]) {
    let mut next = 0;
    for entry in entries(&object).expect("what was stored can be listed") {
        if entry.size == 0 {
            continue;
        }
        let range = |from: u64, to: u64| from as usize..to as usize;
        assert_eq!(entry.offset, next);
        next += entry.size.next_multiple_of(4096);
        let zeros = &object[range(entry.offset + entry.size, next)];
        assert!(zeros.iter().all(|byte| *byte == 0));
    }
}

/// A .deb whose control.tar (1 to 3) or data.tar (4 to 7) is `bytes`.
fn packed(form: u8, bytes: &[u8]) -> Vec<u8> {
    let extension = ["", ".gz", ".xz", ".zst"][usize::from(form % 4)];
    let (control, data) = if form < 4 {
        (bytes, &[][..])
    } else {
        (&[][..], bytes)
    };
    let names = match form < 4 {
        true => [format!("control.tar{extension}"), "data.tar".to_owned()],
        false => ["control.tar".to_owned(), format!("data.tar{extension}")],
    };
    let mut deb = b"!<arch>\n".to_vec();
    let mut push = |name: &str, content: &[u8]| {
        let size = content.len();
        deb.extend(format!("{name:<16}{:<32}{size:<10}`\n", 0).bytes());
        deb.extend(content);
        deb.extend(&b"\n"[..size % 2]);
    };
    push("debian-binary", b"2.0\n");
    push(&names[0], control);
    push(&names[1], data);
    deb
}
