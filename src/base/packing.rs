//! Unpacks base images. Their format is recognized by the first bytes, never by the name.
//!
//! Only this module uses liblzma, flate2, zstd, bzip2 and zip for base images. It limits the memory of
//! decoders, and continues after the end of a stream, because a file may have several.

mod archive;

use super::input::Input;
use crate::digest::Sha256;
use crate::disk::probe::{self, Contents};
use archive::{names, unzip};
use liblzma::bufread::XzDecoder;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

/// The most memory for an xz stream, in bytes. `xz -9` needs 65 MiB.
const MAX_XZ_MEMORY: u64 = 1 << 30;
/// The most memory for all threads of one xz stream. liblzma starts fewer threads if a block needs more.
const XZ_THREADS_MEMORY: u64 = 512 << 20;
/// The largest window of zstd, that of `zstd --ultra --long=27`.
const MAX_ZSTD_WINDOW_LOG: u32 = 27;
/// The number of bytes by which every format and filesystem can be recognized.
pub(crate) const HEAD: u64 = 128 << 10;

/// The format of a packed base image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// The disk itself, not packed.
    Raw,
    /// xz, which is decoded on several threads if it has several blocks.
    Xz,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
    /// bzip2.
    Bzip2,
    /// A zip archive with one disk in it.
    Zip,
}

/// Why a base image cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum PackingError {
    /// It has a format that is known and not supported.
    #[error(
        "it is {what} (it begins with {head}), expected a disk image, as it is or in xz, gzip, zstd, \
         bzip2 or zip; convert it first"
    )]
    Foreign {
        /// The name of the format.
        what: &'static str,
        /// Its first bytes.
        head: String,
    },
    /// It has no bytes.
    #[error("it is empty, expected a disk image, as it is or in xz, gzip, zstd, bzip2 or zip")]
    Empty,
    /// It is neither packed nor a disk.
    #[error(
        "it begins with {head} and has no partition table, expected a disk image, as it is or in xz, \
         gzip, zstd, bzip2 or zip"
    )]
    Unknown {
        /// Its first bytes.
        head: String,
    },
    /// It is the filesystem of a partition, and not a disk.
    #[error(
        "it is the {what} of a single partition, expected the image of a whole disk with its partition table; \
         copy it from the whole disk (/dev/sda, not /dev/sda1), or take the maker's image"
    )]
    Bare {
        /// The filesystem.
        what: Contents,
    },
    /// The zip archive has several disks, or none.
    #[error(
        "the zip archive holds {}, expected one disk image (*.img, *.raw); unpack it and give the disk itself",
        names(.found)
    )]
    Entries {
        /// The names of the files that could be the disk.
        found: Vec<String>,
    },
    /// The zip archive cannot be read.
    #[error("the zip archive cannot be read")]
    Zip(#[from] zip::result::ZipError),
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
}

/// Formats that are known and not supported: offset, bytes, name.
const FOREIGN: [(usize, &[u8], &str); 12] = [
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"QFI\xfb", "a qcow2 disk of QEMU"),
    (0, b"KDMV", "a VMDK disk of VMware"),
    (0, b"conectix", "a VHD disk"),
    (0, b"vhdxfile", "a VHDX disk"),
    (0x40, b"\x7f\x10\xda\xbe", "a VDI disk of VirtualBox"),
    (0, b"\x04\x22\x4d\x18", "lz4 data"),
    (0, b"LZIP", "lzip data"),
    (0, b"\x5d\0\0", "lzma data without the frame of xz"),
    (0x101, b"ustar", "a tar archive"),
    (0, b"!<arch>\n", "an ar archive, such as a .deb"),
];

/// The first bytes of the formats.
const PACKED: [(&[u8], Packing); 5] = [
    (b"\xfd7zXZ\0", Packing::Xz),
    (b"\x1f\x8b\x08", Packing::Gzip),
    (b"\x28\xb5\x2f\xfd", Packing::Zstd),
    (b"BZh", Packing::Bzip2),
    (b"PK\x03\x04", Packing::Zip),
];

impl Packing {
    /// The format of a file with these first bytes.
    ///
    /// # Errors
    ///
    /// The file has another format.
    pub fn of(head: &[u8]) -> Result<Self, PackingError> {
        if let Some((_, packing)) = PACKED.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Ok(*packing);
        }
        // The boot signature of an MBR, also of the protective one before a GPT.
        if head.get(510..512) == Some(b"\x55\xaa") {
            return Ok(Self::Raw);
        }
        let is =
            |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
        let known = FOREIGN.iter().find(|(at, magic, _)| is(*at, magic));
        if let (None, Ok(Some(what))) = (known, probe::probe(&head)) {
            return Err(PackingError::Bare { what });
        }
        if head.is_empty() {
            return Err(PackingError::Empty);
        }
        let head = hexadecimal(head.get(..8).unwrap_or(head));
        Err(match known {
            Some((_, _, what)) => PackingError::Foreign { what, head },
            None => PackingError::Unknown { head },
        })
    }
}

/// The result of unpacking a file.
pub struct Unpacked<T> {
    /// The result for the disk.
    pub disk: T,
    /// The digest of the file, or `None` if the file is the disk.
    pub file: Option<Sha256>,
}

/// The number of threads that unpack a file: one for each processor, and sixteen at most.
pub(crate) fn n_threads() -> u32 {
    let n_cores = std::thread::available_parallelism().map_or(1, |n| n.get().min(16));
    u32::try_from(n_cores).expect("at most sixteen")
}

/// Unpacks `input` for `take`, which reads the disk, and gives the digest of the input. Every byte of the
/// input is read once. A zip archive has to be read from its end, so it is copied to `scratch`.
///
/// # Errors
///
/// The format is unknown, the input cannot be read or unpacked, or `take` fails.
pub fn unpack<T>(
    mut input: Input,
    n_threads: u32,
    scratch: PathBuf,
    take: impl FnOnce(Packing, &mut dyn Read) -> Result<T, io::Error>,
) -> Result<Unpacked<T>, PackingError> {
    let mut head = Vec::new();
    Read::by_ref(&mut input).take(HEAD).read_to_end(&mut head)?;
    let packing = Packing::of(&head)?;
    if packing == Packing::Raw {
        input.stop_hashing();
    }
    let whole = head.as_slice().chain(&mut input);
    let disk = match packing {
        Packing::Zip => unzip(whole, scratch, |disk| take(packing, disk))?,
        packed => take(packing, &mut decoder(packed, whole, n_threads)?)?,
    };
    let file = input.digest()?;
    Ok(Unpacked { disk, file })
}

fn decoder<'r>(
    packing: Packing,
    packed: impl Read + 'r,
    n_threads: u32,
) -> io::Result<Box<dyn Read + 'r>> {
    let input = BufReader::with_capacity(1 << 17, packed);
    Ok(match packing {
        Packing::Raw | Packing::Zip => Box::new(input),
        Packing::Xz => Box::new(XzStreams {
            decoder: Some(xz(input, n_threads)?),
            n_threads,
        }),
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Packing::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
        Packing::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
            decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
    })
}

/// Concatenated xz streams, as `pxz` and `cat` make them. liblzma's decoder on several threads stops behind
/// the first stream.
struct XzStreams<R> {
    /// The decoder, or `None` at the end.
    decoder: Option<XzDecoder<R>>,
    n_threads: u32,
}

impl<R: BufRead> Read for XzStreams<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            let n = decoder.read(into)?;
            if n > 0 || into.is_empty() {
                return Ok(n);
            }
            let input = self.decoder.take().map(XzDecoder::into_inner);
            if let Some(rest) = input.map(behind_padding).transpose()?.flatten() {
                self.decoder = Some(xz(rest, self.n_threads)?);
            }
        }
        Ok(0)
    }
}

/// `input` behind the padding between streams, which is zeros, or `None` at its end.
fn behind_padding<R: BufRead>(mut input: R) -> io::Result<Option<R>> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        let zeros = buffer.iter().take_while(|byte| **byte == 0).count();
        let all = zeros == buffer.len();
        input.consume(zeros);
        if !all {
            return Ok(Some(input));
        }
    }
}

fn xz<R: BufRead>(input: R, n_threads: u32) -> io::Result<XzDecoder<R>> {
    let mut builder = liblzma::stream::MtStreamBuilder::new();
    builder
        .threads(n_threads)
        .memlimit_threading(XZ_THREADS_MEMORY)
        .memlimit_stop(MAX_XZ_MEMORY);
    Ok(XzDecoder::new_stream(input, builder.decoder()?))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// A disk of some sectors, with the signature of a partition table.
    fn disk() -> Vec<u8> {
        let mut disk: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        disk[510..512].copy_from_slice(b"\x55\xaa");
        disk
    }

    fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, PackingError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("base");
        fs_err::write(&path, bytes).unwrap();
        let input = Input::open(&path, u64::MAX).unwrap_or_else(|error| panic!("{error}"));
        let unpacked = unpack(input, 2, folder.path().join("scratch"), |_, disk| {
            let mut bytes = Vec::new();
            disk.read_to_end(&mut bytes).map(|_| bytes)
        })?;
        assert!(unpacked.file.is_none_or(|it| it == Sha256::of(bytes)));
        Ok(unpacked.disk)
    }

    fn zipped(names: &[&str]) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for name in names {
            let options = zip::write::SimpleFileOptions::default();
            if name.ends_with('/') {
                archive.add_directory(*name, options).unwrap();
                continue;
            }
            archive.start_file(*name, options).unwrap();
            archive.write_all(&disk()).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    #[test]
    fn every_packing_gives_the_disk() {
        let disk = disk();
        let (first, second) = disk.split_at(500_000);
        let twice = |pack: &dyn Fn(&[u8]) -> Vec<u8>| [pack(first), pack(second)].concat();
        let xz = |bytes: &[u8]| {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let gzip = |bytes: &[u8]| {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let bzip2 = |bytes: &[u8]| {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
        let packed = [
            disk.clone(),
            twice(&xz),
            twice(&gzip),
            twice(&bzip2),
            twice(&zstd),
            zipped(&["x.img"]),
        ];
        for bytes in packed {
            assert!(unpacked(&bytes).unwrap() == disk, "{:x?}", &bytes[..4]);
        }
    }

    #[test]
    fn what_is_cut_off_is_no_disk() {
        for (head, _) in PACKED {
            assert!(unpacked(head).is_err(), "{head:x?}");
        }
    }

    #[test]
    fn other_formats_are_named() {
        let text = |bytes: &[u8]| unpacked(bytes).unwrap_err().to_string();
        assert!(
            text(b"7z\xbc\xaf\x27\x1c\0\x04")
                .starts_with("it is a 7-Zip archive (it begins with 37")
        );
        assert!(text(b"QFI\xfb\0\0\0\x03").starts_with("it is a qcow2 disk of QEMU"));
        assert!(text(&[0; 600]).starts_with("it begins with 00 00 00 00 00 00 00 00 and has no"));
        assert!(text(b"").starts_with("it is empty, expected a disk image"));
        let mut ext4 = vec![0; 4096];
        ext4[1024 + 56..][..2].copy_from_slice(&0xef53_u16.to_le_bytes());
        assert!(text(&ext4).contains("of a single partition, expected the image of a whole disk"));
    }

    #[test]
    fn the_only_disk_of_a_zip_archive_is_taken() {
        for names in [
            &["x.img", "README.txt"][..],
            &["README", "a/x.RAW", "b.sig"],
            &[
                "x.img",
                "__MACOSX/._x.img",
                "._x.img",
                ".DS_Store",
                "folder/",
            ],
            &["__MACOSX/x.img", "disk"],
        ] {
            assert!(unpacked(&zipped(names)).unwrap() == disk(), "{names:?}");
        }
        let text = |names: &[&str]| unpacked(&zipped(names)).unwrap_err().to_string();
        assert!(
            text(&["a.img", "b.img"]).starts_with("the zip archive holds `a.img`, `b.img`, exp")
        );
        assert!(text(&["a", "b\u{1b}[2J"]).contains("`a`, `b\\u{1b}[2J`"));
        assert!(text(&["folder/"]).starts_with("the zip archive holds no file, expected"));
    }
}
