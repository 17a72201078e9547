//! The little of an ELF file that decides whether a program can run and which libraries it needs:
//! machine, interpreter, needed libraries, search path.
//!
//! Little-endian only, as every architecture here is. Any byte may lie: every offset is checked, and
//! a file that contradicts itself is an error, never a panic.

const MAGIC: &[u8; 4] = b"\x7fELF";
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_STRSZ: u64 = 10;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;
const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;

/// More program headers or dynamic entries than any linker makes.
const MAX_ENTRIES: u64 = 65_536;

/// Why bytes that start like an ELF file are none that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// Another kind of file.
    #[error("this is no ELF file")]
    NotElf,
    /// Big-endian, or neither 32 nor 64 bit.
    #[error(
        "ELF class {class} and data encoding {encoding} are unknown: expected 1 or 2, and 1 (little-endian)"
    )]
    Format {
        /// `e_ident[EI_CLASS]`.
        class: u8,
        /// `e_ident[EI_DATA]`.
        encoding: u8,
    },
    /// A table lies outside the file.
    #[error("the {what} of this ELF file lies at byte {offset}, outside the file")]
    OutOfBounds {
        /// Which part.
        what: &'static str,
        /// Where it should be.
        offset: u64,
    },
    /// Many names that are the same long one.
    #[error("the dynamic section of this ELF file has names of more than its {len} bytes together")]
    Names {
        /// Length of the file.
        len: usize,
    },
}

/// What an ELF file says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elf {
    /// `e_machine`, as [`crate::architecture::Architecture::elf_machine`] gives it.
    pub machine: u16,
    /// Whether it is an executable or a shared object, not a relocatable object such as a kernel module.
    pub linked: bool,
    /// The interpreter (`PT_INTERP`), such as `/lib/ld-linux-aarch64.so.1`.
    pub interpreter: Option<Vec<u8>>,
    /// Names of needed libraries, in their order.
    pub needed: Vec<Vec<u8>>,
    /// `DT_RUNPATH`, or else `DT_RPATH`: folders separated by colons, with `$ORIGIN` unexpanded.
    pub search_path: Option<Vec<u8>>,
    /// Loadable segments, in their order.
    pub segments: Vec<Segment>,
}

/// A loadable segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where it starts in the file.
    pub offset: u64,
    /// Its address in memory.
    pub address: u64,
    /// How many bytes of it stand in the file.
    pub file_size: u64,
}

/// Whether `bytes` start like an ELF file, and its machine; for a first look at the header alone.
pub fn machine_of(header: &[u8]) -> Option<(u16, bool)> {
    if !header.starts_with(MAGIC) || header.get(5) != Some(&1) {
        return None;
    }
    let file = File {
        bytes: header,
        wide: header.get(4) == Some(&2),
    };
    let linked = matches!(file.u16(16, "type").ok()?, ET_EXEC | ET_DYN);
    Some((file.u16(18, "machine").ok()?, linked))
}

impl Elf {
    /// Reads the headers in `bytes`, a whole file.
    pub fn parse(bytes: &[u8]) -> Result<Self, ElfError> {
        if !bytes.starts_with(MAGIC) {
            return Err(ElfError::NotElf);
        }
        let file = match bytes.get(4..6) {
            Some([class @ (1 | 2), 1]) => File {
                bytes,
                wide: *class == 2,
            },
            Some([class, encoding]) => {
                let (class, encoding) = (*class, *encoding);
                return Err(ElfError::Format { class, encoding });
            }
            _ => return Err(ElfError::NotElf),
        };
        let headers = file.program_headers()?;
        let of_type = |wanted: u32| headers.iter().find(|header| header.kind == wanted);
        let interpreter = match of_type(PT_INTERP) {
            Some(header) => Some(until_nul(file.slice(header.segment, "interpreter")?).to_vec()),
            None => None,
        };
        let segments: Vec<Segment> = headers
            .iter()
            .filter(|header| header.kind == PT_LOAD)
            .map(|header| header.segment)
            .collect();
        let dynamic = match of_type(PT_DYNAMIC) {
            Some(header) => file.dynamic(header.segment, &segments)?,
            None => Dynamic::default(),
        };
        Ok(Self {
            machine: file.u16(18, "machine")?,
            linked: matches!(file.u16(16, "type")?, ET_EXEC | ET_DYN),
            interpreter,
            needed: dynamic.needed,
            search_path: dynamic.runpath.or(dynamic.rpath),
            segments,
        })
    }
}

/// The bytes of a file whose class is known.
struct File<'a> {
    bytes: &'a [u8],
    wide: bool,
}

struct ProgramHeader {
    kind: u32,
    segment: Segment,
}

#[derive(Default)]
struct Dynamic {
    needed: Vec<Vec<u8>>,
    rpath: Option<Vec<u8>>,
    runpath: Option<Vec<u8>>,
}

impl<'a> File<'a> {
    fn array<const N: usize>(&self, offset: u64, what: &'static str) -> Result<[u8; N], ElfError> {
        let start = usize::try_from(offset).ok();
        let bytes = start.and_then(|start| self.bytes.get(start..)?.first_chunk::<N>());
        bytes.copied().ok_or(ElfError::OutOfBounds { what, offset })
    }

    fn u16(&self, offset: u64, what: &'static str) -> Result<u16, ElfError> {
        self.array(offset, what).map(u16::from_le_bytes)
    }

    fn u32(&self, offset: u64, what: &'static str) -> Result<u32, ElfError> {
        self.array(offset, what).map(u32::from_le_bytes)
    }

    /// A number as wide as an address of this class.
    fn word(&self, offset: u64, what: &'static str) -> Result<u64, ElfError> {
        if self.wide {
            self.array(offset, what).map(u64::from_le_bytes)
        } else {
            self.u32(offset, what).map(u64::from)
        }
    }

    fn slice(&self, segment: Segment, what: &'static str) -> Result<&'a [u8], ElfError> {
        let offset = segment.offset;
        let range = || {
            let start = usize::try_from(offset).ok()?;
            let len = usize::try_from(segment.file_size).ok()?;
            self.bytes.get(start..start.checked_add(len)?)
        };
        range().ok_or(ElfError::OutOfBounds { what, offset })
    }

    fn program_headers(&self) -> Result<Vec<ProgramHeader>, ElfError> {
        let what = "program header table";
        let (at_table, at_size, at_count) = if self.wide {
            (32, 54, 56)
        } else {
            (28, 42, 44)
        };
        let table = self.word(at_table, what)?;
        let size = u64::from(self.u16(at_size, what)?);
        let count = u64::from(self.u16(at_count, what)?);
        let out_of_bounds = ElfError::OutOfBounds {
            what,
            offset: table,
        };
        let header = |index: u64| {
            let at = index
                .checked_mul(size)
                .and_then(|skip| table.checked_add(skip));
            let at = at
                .filter(|at| *at < u64::MAX - 64)
                .ok_or(out_of_bounds.clone())?;
            // Elf64_Phdr: type, flags, offset, vaddr, paddr, filesz; Elf32_Phdr has flags near its end.
            let (offset, address, file_size) = if self.wide { (8, 16, 32) } else { (4, 8, 16) };
            Ok(ProgramHeader {
                kind: self.u32(at, what)?,
                segment: Segment {
                    offset: self.word(at + offset, what)?,
                    address: self.word(at + address, what)?,
                    file_size: self.word(at + file_size, what)?,
                },
            })
        };
        (0..count).map(header).collect()
    }

    fn dynamic(&self, table: Segment, segments: &[Segment]) -> Result<Dynamic, ElfError> {
        let what = "dynamic section";
        self.slice(table, what)?;
        let width = if self.wide { 8 } else { 4 };
        let mut entries = Vec::new();
        for index in 0..(table.file_size / (2 * width)).min(MAX_ENTRIES) {
            let at = table.offset + index * 2 * width;
            let (tag, value) = (self.word(at, what)?, self.word(at + width, what)?);
            if tag == 0 {
                break;
            }
            entries.push((tag, value));
        }
        let first = |wanted: u64| {
            entries
                .iter()
                .find(|(tag, _)| *tag == wanted)
                .map(|(_, v)| *v)
        };
        let (Some(address), Some(size)) = (first(DT_STRTAB), first(DT_STRSZ)) else {
            return Ok(Dynamic::default());
        };
        let strings = self.slice(at_address(segments, address, size)?, "string table")?;
        let len = self.bytes.len();
        let mut left = len;
        let mut string = |at: u64| {
            let start = usize::try_from(at).ok();
            let bytes = start.and_then(|start| strings.get(start..));
            let out_of_bounds = ElfError::OutOfBounds {
                what: "string table",
                offset: at,
            };
            let name = until_nul(bytes.ok_or(out_of_bounds)?);
            // Every entry could name the whole table, which would be quadratic.
            left = left
                .checked_sub(name.len())
                .ok_or(ElfError::Names { len })?;
            Ok(name.to_vec())
        };
        let needed = entries.iter().filter(|(tag, _)| *tag == DT_NEEDED);
        Ok(Dynamic {
            needed: needed
                .map(|(_, at)| string(*at))
                .collect::<Result<_, _>>()?,
            rpath: first(DT_RPATH).map(&mut string).transpose()?,
            runpath: first(DT_RUNPATH).map(&mut string).transpose()?,
        })
    }
}

/// Where `size` bytes at memory address `address` stand in the file.
fn at_address(segments: &[Segment], address: u64, size: u64) -> Result<Segment, ElfError> {
    let found = segments.iter().find_map(|segment| {
        let skip = address.checked_sub(segment.address)?;
        (skip < segment.file_size).then_some(segment.offset.checked_add(skip)?)
    });
    let out_of_bounds = ElfError::OutOfBounds {
        what: "string table",
        offset: address,
    };
    let offset = found.ok_or(out_of_bounds)?;
    Ok(Segment {
        offset,
        address,
        file_size: size,
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
        assert!(elf.interpreter.unwrap().starts_with(b"/lib"));
        assert!(
            elf.needed.contains(&b"libc.so.6".to_vec()),
            "{:?}",
            elf.needed
        );
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

    /// A library that is nothing but `n_names` times the same name of `len` bytes.
    fn repeating(n_names: u64, len: u64) -> Vec<u8> {
        let (dynamic, strings) = (176, 176 + (n_names + 3) * 16);
        let end = strings + len + 1;
        let mut bytes = b"\x7fELF\x02\x01".to_vec();
        bytes.resize(64, 0);
        bytes[16] = 3;
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 2;
        for (kind, at, len) in [(PT_LOAD, 0, end), (PT_DYNAMIC, dynamic, strings - dynamic)] {
            let header = [u64::from(kind), at, at, at, len, len, 0];
            bytes.extend(header.into_iter().flat_map(u64::to_le_bytes));
        }
        let names = (0..n_names).map(|_| (DT_NEEDED, 0));
        let ends = [(DT_STRTAB, strings), (DT_STRSZ, len + 1), (0, 0)];
        for (tag, value) in names.chain(ends) {
            bytes.extend([tag, value].into_iter().flat_map(u64::to_le_bytes));
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
        assert_eq!(
            Elf::parse(&big_endian),
            Err(ElfError::Format {
                class: 2,
                encoding: 2
            })
        );
    }
}
