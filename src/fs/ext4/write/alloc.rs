//! Hands out blocks in ascending order, except reserved ones.

use std::ops::Range;

/// The blocks of a filesystem that are not handed out yet.
#[derive(Debug)]
pub(super) struct Allocator<'a> {
    /// The reserved blocks that end behind `at`, ascending.
    reserved: &'a [Range<u64>],
    at: u64,
}

impl<'a> Allocator<'a> {
    /// All blocks except `reserved`, which is ascending.
    pub(super) fn new(reserved: &'a [Range<u64>]) -> Self {
        Self { reserved, at: 0 }
    }

    /// Returns the next `n` blocks, in as few runs as the reserved blocks allow. They may lie
    /// behind the end of the filesystem: see [`Allocator::end`].
    pub(super) fn take(&mut self, mut n: u64) -> Vec<Range<u64>> {
        let mut runs = Vec::new();
        while n > 0 {
            let room = match self.reserved.first() {
                Some(next) if next.start <= self.at => {
                    self.at = self.at.max(next.end);
                    self.reserved = &self.reserved[1..];
                    continue;
                }
                Some(next) => next.start - self.at,
                None => u64::MAX,
            };
            let len = n.min(room);
            runs.push(self.at..self.at.saturating_add(len));
            self.at = self.at.saturating_add(len);
            n -= len;
        }
        runs
    }

    /// The first block that was not handed out.
    pub(super) fn end(&self) -> u64 {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_split_only_around_reserved_blocks() {
        let reserved = [0..3, 5..6, 6..8, 20..30];
        let mut allocator = Allocator::new(&reserved);
        assert_eq!(allocator.take(5), [3..5, 8..11]);
        assert_eq!(allocator.take(0), []);
        assert_eq!(allocator.take(10), [11..20, 30..31]);
        assert_eq!(allocator.end(), 31);
    }
}
