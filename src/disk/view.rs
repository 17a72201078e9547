//! A sealed image as a device: its bytes are read from where they come from, and are written nowhere.

use super::device::Device;
use super::image::{Image, Source};
use crate::tree::{LastOpen, Objects};
use std::io;
use std::os::unix::fs::FileExt;

/// An image that can be read at any offset.
pub struct ImageView<'a> {
    image: &'a Image,
    objects: LastOpen<'a>,
}

impl<'a> ImageView<'a> {
    /// The bytes of `image`, whose stored objects are in `objects`.
    pub fn new(image: &'a Image, objects: &'a dyn Objects) -> Self {
        Self {
            image,
            objects: LastOpen::new(objects),
        }
    }
}

impl Device for ImageView<'_> {
    fn len(&self) -> u64 {
        self.image.len()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(into.len() as u64);
        let end = end
            .filter(|end| *end <= self.image.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        let regions = self.image.regions();
        let first = regions.partition_point(|region| region.end() <= offset);
        let within = regions[first..].iter();
        for region in within.take_while(|region| region.start < end) {
            let (from, to) = (region.start.max(offset), region.end().min(end));
            let index = |at: u64| usize::try_from(at).expect("it is in memory");
            let part = &mut into[index(from - offset)..index(to - offset)];
            let skipped = from - region.start;
            match &region.source {
                Source::Bytes(bytes) => {
                    part.copy_from_slice(&bytes[index(skipped)..][..part.len()]);
                }
                Source::Object { object, offset } => {
                    let file = self.objects.open(object)?;
                    file.file().read_exact_at(part, offset + skipped)?;
                }
                Source::Zeros | Source::Free => part.fill(0),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;
    use crate::disk::image::Region;
    use std::io::Write;

    /// One object, whatever its digest is.
    struct One(Vec<u8>);

    impl Objects for One {
        fn open(&self, _: &Sha256) -> io::Result<fs_err::File> {
            let mut file = tempfile::NamedTempFile::new()?;
            file.write_all(&self.0)?;
            fs_err::File::open(file.path())
        }
    }

    #[test]
    fn every_part_of_an_image_is_read_wherever_a_read_begins() {
        let object = Region {
            start: 5,
            len: 3,
            source: Source::Object {
                object: Sha256::of(b""),
                offset: 2,
            },
        };
        let image = Image::new(10, vec![Region::bytes(1, *b"abc"), object]).unwrap();
        let objects = One(b"01234567".to_vec());
        let view = ImageView::new(&image, &objects);
        let whole = b"\0abc\x00234\0\0";
        for start in 0..whole.len() {
            for end in start..=whole.len() {
                let mut bytes = vec![1; end - start];
                view.read_at(start as u64, &mut bytes).unwrap();
                assert_eq!(bytes, whole[start..end]);
            }
        }
        assert!(view.read_at(9, &mut [0; 2]).is_err());
        assert!(view.read_at(u64::MAX, &mut [0; 2]).is_err());
    }
}
