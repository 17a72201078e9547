//! The bytes of a directory.

use super::allocation::Allocation;
use super::catalogue::{Catalogue, Target};
use super::format::*;
use crate::epoch::{self, Timestamp};

/// Returns all entries of directory `index`. The root begins with the label.
pub(super) fn encode(
    catalogue: &Catalogue,
    allocation: &Allocation,
    index: usize,
    label: Option<(Short, Timestamp)>,
) -> Vec<u8> {
    let directory = &catalogue.directories[index];
    let mut bytes = Vec::with_capacity(directory.n_slots * ENTRY_SIZE);
    if index == 0 {
        if let Some((label, time)) = label {
            bytes.extend_from_slice(&entry(&label, ATTR_VOLUME_LABEL, NOWHERE, 0, time));
        }
    } else {
        bytes.extend_from_slice(&dots(catalogue, allocation, index));
    }
    for it in &directory.entries {
        if let Some(long) = &it.long {
            bytes.extend_from_slice(&long.encode(&it.short));
        }
        let (attributes, len, time) = match it.target {
            Target::Directory(index) => (ATTR_DIRECTORY, 0, catalogue.directories[index].mtime),
            Target::File(index) => {
                let file = &catalogue.files[index];
                let len = u32::try_from(file.content.len()).expect("the catalogue checked");
                (ATTR_ARCHIVE, len, file.mtime)
            }
        };
        let run = allocation.run(it.target);
        bytes.extend_from_slice(&entry(&it.short, attributes, run, len, time));
    }
    bytes
}

const NOWHERE: Run = Run {
    first: 0,
    n_clusters: 0,
};

/// Returns `.` and `..`. Where the root is the parent, `..` has cluster 0.
fn dots(catalogue: &Catalogue, allocation: &Allocation, index: usize) -> Vec<u8> {
    let directory = &catalogue.directories[index];
    let up = match directory.parent {
        0 => NOWHERE,
        parent => allocation.directories[parent],
    };
    let up_mtime = catalogue.directories[directory.parent].mtime;
    let own = allocation.directories[index];
    [
        entry(DOT, ATTR_DIRECTORY, own, 0, directory.mtime),
        entry(DOT_DOT, ATTR_DIRECTORY, up, 0, up_mtime),
    ]
    .concat()
}

fn entry(name: &Short, attributes: u8, run: Run, len: u32, mtime: Timestamp) -> [u8; ENTRY_SIZE] {
    let time = DosTime::from(mtime);
    let first = run.first.to_le_bytes();
    let mut entry = [0; ENTRY_SIZE];
    entry[..11].copy_from_slice(name);
    entry[11] = attributes;
    // The time of creation, the only one that can have an odd second.
    entry[13] = time.hundredths;
    entry[14..16].copy_from_slice(&time.time);
    entry[16..18].copy_from_slice(&time.date);
    // The last access has a date only.
    entry[18..20].copy_from_slice(&time.date);
    entry[20..22].copy_from_slice(&first[2..]);
    entry[22..24].copy_from_slice(&time.time);
    entry[24..26].copy_from_slice(&time.date);
    entry[26..28].copy_from_slice(&first[..2]);
    entry[28..].copy_from_slice(&len.to_le_bytes());
    entry
}

/// A time in the form of FAT: in UTC, in steps of two seconds, from 1980 to 2107.
#[derive(Debug, PartialEq, Eq)]
struct DosTime {
    date: [u8; 2],
    time: [u8; 2],
    /// Hundredths of a second above the step of two seconds: 0 or 100.
    hundredths: u8,
}

impl From<Timestamp> for DosTime {
    fn from(timestamp: Timestamp) -> Self {
        /// 1980-01-01 and 2107-12-31 23:59:59.
        const RANGE: (i64, i64) = (315_532_800, 4_354_819_199);
        let seconds = timestamp.seconds.clamp(RANGE.0, RANGE.1);
        let moment = epoch::moment(seconds).expect("it is before the year 9999");
        let word = |high: u16, middle: i8, low: i8| {
            let [middle, low] = [middle, low].map(|part| u16::from(part.unsigned_abs()));
            (high | middle << 5 | low).to_le_bytes()
        };
        let year = (moment.year() - 1980).unsigned_abs();
        let hour = u16::from(moment.hour().unsigned_abs());
        Self {
            date: word(year << 9, moment.month(), moment.day()),
            time: word(hour << 11, moment.minute(), moment.second() / 2),
            hundredths: if moment.second() % 2 == 1 { 100 } else { 0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_and_stay_in_range() {
        let fields = |seconds: i64| {
            let time = DosTime::from(Timestamp {
                seconds,
                nanoseconds: 0,
            });
            let (d, t) = (u16::from_le_bytes(time.date), u16::from_le_bytes(time.time));
            let date = (1980 + (d >> 9), d >> 5 & 15, d & 31);
            (date, (t >> 11, t >> 5 & 63, (t & 31) * 2), time.hundredths)
        };
        for (seconds, expected) in [
            (i64::MIN, ((1980, 1, 1), (0, 0, 0), 0)),
            (951_782_399, ((2000, 2, 28), (23, 59, 58), 100)),
            (951_868_799, ((2000, 2, 29), (23, 59, 58), 100)),
            (1_735_689_600, ((2025, 1, 1), (0, 0, 0), 0)),
            (4_107_542_400, ((2100, 3, 1), (0, 0, 0), 0)),
            (i64::MAX, ((2107, 12, 31), (23, 59, 58), 100)),
        ] {
            assert_eq!(fields(seconds), expected, "{seconds}");
        }
    }
}
