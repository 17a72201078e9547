//! `elf`: the headers of programs and libraries.
//!
//! Invariant: whatever the bytes are, reading ends without a panic, in memory of 64 times the file and
//! 8 MiB (as many headers and dynamic entries as any linker makes); every name that is found lies within the file, and what is an ELF file by its first bytes
//! has the machine that reading it whole gives.

use super::limits::within;
use imgbuild::boot::elf::{Elf, machine_of};

pub fn run(input: &[u8]) {
    let machine = machine_of(input);
    let memory = input.len() * 64 + (8 << 20);
    let Ok(elf) = within(memory, || Elf::parse(input)) else {
        return;
    };
    assert_eq!(machine, Some((elf.machine, elf.linked)));
    let names = elf
        .needed
        .iter()
        .chain(&elf.interpreter)
        .chain(&elf.search_path);
    for name in names {
        assert!(name.is_empty() || input.windows(name.len()).any(|window| window == name));
    }
    assert!(elf.segments.len() <= 1 << 16);
}
