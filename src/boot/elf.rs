//! Reads the fields of an ELF file that decide whether a program can run and which libraries it needs:
//! machine, interpreter, needed libraries, search path.
//!
//! Only this module uses the object crate, which checks every offset and reads structures without a copy.
//! Files have to be little-endian, as all supported architectures are.

use object::LittleEndian;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::StringTable;
use object::read::elf::{Dyn, FileHeader, ProgramHeader};

/// Why an ELF file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// The file is not an ELF file.
    #[error("this is not an ELF file")]
    NotElf,
    /// The file is big-endian, or neither 32-bit nor 64-bit.
    #[error(
        "ELF class {class} with data encoding {encoding} is not supported; expected class 1 or 2, \
         encoding 1 (little-endian)"
    )]
    Format {
        /// `e_ident[EI_CLASS]`.
        class: u8,
        /// `e_ident[EI_DATA]`.
        encoding: u8,
    },
    /// A structure contradicts itself or lies outside the file.
    #[error("this ELF file is damaged: {0}")]
    Damaged(#[from] object::read::Error),
    /// A part lies outside the file.
    #[error("the {what} of this ELF file lies at {place:#x}, outside the file")]
    OutOfBounds {
        /// The part.
        what: &'static str,
        /// Its offset or, of the string table, its address.
        place: u64,
    },
    /// Many entries have the same long name.
    #[error(
        "the names in the dynamic section of this ELF file are together longer than the file ({len} \
         bytes)"
    )]
    Names {
        /// Length of the file.
        len: usize,
    },
}

/// The fields of an ELF file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elf {
    /// `e_machine`, as [`crate::architecture::Architecture::elf_machine`] gives it.
    pub machine: u16,
    /// Whether it is an executable or a shared object, not a relocatable object such as a kernel module.
    pub linked: bool,
    /// The interpreter (`PT_INTERP`), such as `/lib/ld-linux-aarch64.so.1`.
    pub interpreter: Option<Vec<u8>>,
    /// The names of needed libraries, in their order.
    pub needed: Vec<Vec<u8>>,
    /// `DT_RUNPATH`, or else `DT_RPATH`: folders separated by colons, with `$ORIGIN` unexpanded.
    pub search_path: Option<Vec<u8>>,
    /// Loadable segments, in their order.
    pub segments: Vec<Segment>,
}

/// A loadable segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its offset in the file.
    pub offset: u64,
    /// Its address in memory.
    pub address: u64,
    /// The number of its bytes in the file.
    pub file_size: u64,
}

/// The machine of the ELF file with this `header`, and whether it is linked; `None` for another file.
pub fn machine_of(header: &[u8]) -> Option<(u16, bool)> {
    fn read<H: FileHeader<Endian = LittleEndian>>(bytes: &[u8]) -> Option<(u16, bool)> {
        let header = H::parse(bytes).ok()?;
        Some((header.e_machine(LittleEndian), is_linked(header)))
    }
    match header.get(4..6)? {
        [elf::ELFCLASS32, elf::ELFDATA2LSB] => read::<FileHeader32<LittleEndian>>(header),
        [elf::ELFCLASS64, elf::ELFDATA2LSB] => read::<FileHeader64<LittleEndian>>(header),
        _ => None,
    }
}

fn is_linked<H: FileHeader<Endian = LittleEndian>>(header: &H) -> bool {
    matches!(header.e_type(LittleEndian), elf::ET_EXEC | elf::ET_DYN)
}

impl Elf {
    /// Reads the headers in `bytes`, a whole file.
    ///
    /// # Errors
    ///
    /// The file is not an ELF file, has another byte order, or is damaged.
    pub fn parse(bytes: &[u8]) -> Result<Self, ElfError> {
        if !bytes.starts_with(&elf::ELFMAG) {
            return Err(ElfError::NotElf);
        }
        match bytes.get(4..6) {
            Some([elf::ELFCLASS32, elf::ELFDATA2LSB]) => read::<FileHeader32<LittleEndian>>(bytes),
            Some([elf::ELFCLASS64, elf::ELFDATA2LSB]) => read::<FileHeader64<LittleEndian>>(bytes),
            Some([class, encoding]) => {
                let (class, encoding) = (*class, *encoding);
                Err(ElfError::Format { class, encoding })
            }
            _ => Err(ElfError::NotElf),
        }
    }
}

fn read<H: FileHeader<Endian = LittleEndian>>(bytes: &[u8]) -> Result<Elf, ElfError> {
    let header = H::parse(bytes)?;
    let headers = header.program_headers(LittleEndian, bytes)?.iter();
    let of_type = |wanted: u32| {
        let headers = headers.clone();
        headers.filter(move |header| header.p_type(LittleEndian) == wanted)
    };
    // `ProgramHeader::interpreter` would refuse files that have only debugging information.
    let interpreter = of_type(elf::PT_INTERP).next().map(|header| {
        let (what, place) = ("interpreter", header.p_offset(LittleEndian).into());
        let bytes = header.data(LittleEndian, bytes);
        bytes.map_err(|()| ElfError::OutOfBounds { what, place })
    });
    let interpreter = interpreter.transpose()?.map(until_nul);
    let dynamic = match of_type(elf::PT_DYNAMIC).next() {
        Some(header) => header.dynamic(LittleEndian, bytes)?.unwrap_or_default(),
        None => &[],
    };
    let names = names::<H>(bytes, dynamic, of_type(elf::PT_LOAD))?;
    let segments = of_type(elf::PT_LOAD).map(|header| Segment {
        offset: header.p_offset(LittleEndian).into(),
        address: header.p_vaddr(LittleEndian).into(),
        file_size: header.p_filesz(LittleEndian).into(),
    });
    Ok(Elf {
        machine: header.e_machine(LittleEndian),
        linked: is_linked(header),
        interpreter: interpreter.map(<[u8]>::to_vec),
        needed: names.needed,
        search_path: names.search_path,
        segments: segments.collect(),
    })
}

/// The names in the dynamic section.
#[derive(Default)]
struct Names {
    needed: Vec<Vec<u8>>,
    search_path: Option<Vec<u8>>,
}

/// Reads the names from the string table, which is in one of the segments `loaded`.
fn names<'b, H: FileHeader<Endian = LittleEndian>>(
    bytes: &'b [u8],
    dynamic: &'b [H::Dyn],
    mut loaded: impl Iterator<Item = &'b H::ProgramHeader>,
) -> Result<Names, ElfError> {
    let is_end = |entry: &H::Dyn| entry.tag(LittleEndian) == elf::DT_NULL;
    let entries = || dynamic.iter().take_while(|entry| !is_end(entry));
    let first = |wanted: i64| entries().find(|entry| entry.tag(LittleEndian) == wanted);
    let (Some(address), Some(size)) = (first(elf::DT_STRTAB), first(elf::DT_STRSZ)) else {
        return Ok(Names::default());
    };
    let (address, size) = (address.val(LittleEndian), size.val(LittleEndian));
    let table = loaded.find_map(|header| {
        let range = header.data_range(LittleEndian, bytes, address, size);
        range.ok().flatten()
    });
    let (what, place) = ("string table", address);
    let table = table.ok_or(ElfError::OutOfBounds { what, place })?;
    let strings = StringTable::new(table, 0, size);
    let mut left = bytes.len();
    let mut name = |entry: &H::Dyn| {
        let name = entry.string(LittleEndian, strings)?;
        // If every entry named the whole table, the names would have quadratic length.
        let len = bytes.len();
        left = left
            .checked_sub(name.len())
            .ok_or(ElfError::Names { len })?;
        Ok::<_, ElfError>(name.to_vec())
    };
    let needed = entries().filter(|entry| entry.tag(LittleEndian) == elf::DT_NEEDED);
    let search_path = first(elf::DT_RUNPATH).or(first(elf::DT_RPATH));
    Ok(Names {
        needed: needed.map(&mut name).collect::<Result<_, _>>()?,
        search_path: search_path.map(name).transpose()?,
    })
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This test program itself: a real file of the host's linker.
    fn own_program() -> Vec<u8> {
        fs_err::read("/proc/self/exe").unwrap()
    }

    #[test]
    fn a_real_program_names_its_interpreter_and_libc() {
        let elf = Elf::parse(&own_program()).unwrap();
        let machine = crate::architecture::Architecture::host().map(|host| host.elf_machine());
        assert_eq!(Some(elf.machine), machine);
        assert!(elf.linked);
        assert!(elf.interpreter.as_ref().unwrap().starts_with(b"/lib"));
        assert!(elf.needed.contains(&b"libc.so.6".to_vec()), "{elf:?}");
    }

    #[test]
    fn no_damage_of_the_headers_panics() {
        let whole = own_program();
        let mut bytes = whole[..whole.len().min(1 << 16)].to_vec();
        for at in 0..1024 {
            for value in [0x00, 0x7f, 0xff] {
                let kept = std::mem::replace(&mut bytes[at], value);
                let _ = Elf::parse(&bytes);
                bytes[at] = kept;
            }
        }
        for len in 0..256 {
            let _ = Elf::parse(&whole[..len]);
        }
    }

    /// A library with `n_names` entries that all have the same name of `len` bytes.
    fn repeating(n_names: u64, len: u64) -> Vec<u8> {
        let (dynamic, strings) = (176, 176 + (n_names + 3) * 16);
        let end = strings + len + 1;
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(64, 0);
        bytes[16] = 3;
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 2;
        for (kind, at, len) in [
            (elf::PT_LOAD, 0, end),
            (elf::PT_DYNAMIC, dynamic, strings - dynamic),
        ] {
            let header = [u64::from(kind), at, at, at, len, len, 0];
            bytes.extend(header.into_iter().flat_map(u64::to_le_bytes));
        }
        let names = (0..n_names).map(|_| (elf::DT_NEEDED, 0));
        let ends = [(elf::DT_STRTAB, strings), (elf::DT_STRSZ, len + 1), (0, 0)];
        for (tag, value) in names.chain(ends) {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        bytes.resize(bytes.len() + len as usize, b'x');
        bytes.push(0);
        bytes
    }

    #[test]
    fn names_take_no_more_than_the_file() {
        let names = Elf::parse(&repeating(3, 40)).unwrap().needed;
        assert_eq!(names, vec![b"x".repeat(40); 3]);
        let file = repeating(30, 400);
        let len = file.len();
        assert_eq!(Elf::parse(&file), Err(ElfError::Names { len }));
    }

    #[test]
    fn what_is_no_elf_file_is_refused() {
        assert_eq!(Elf::parse(b"#!/bin/sh\n"), Err(ElfError::NotElf));
        let big_endian = [b"\x7fELF\x02\x02".as_slice(), &[0; 60]].concat();
        let (class, encoding) = (2, 2);
        let refused = Err(ElfError::Format { class, encoding });
        assert_eq!(Elf::parse(&big_endian), refused);
    }
}
