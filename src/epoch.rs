//! The one point in time that a build knows, the epoch of its lock, and the calendar of all others.
//!
//! The calendar is that of the jiff crate. Every moment is in UTC here, so none of its time zones is asked for.

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};
use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01 UTC that stand for "now" in everything a build makes; exported to
/// maintainer scripts as `SOURCE_DATE_EPOCH`. A lock takes it from the newest archive it used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// A point in time of a node: seconds since 1970-01-01 UTC, and nanoseconds below one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    /// Whole seconds, negative before 1970.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
}

impl From<Epoch> for Timestamp {
    fn from(epoch: Epoch) -> Self {
        Self {
            seconds: i64::try_from(epoch.0).unwrap_or(i64::MAX),
            nanoseconds: 0,
        }
    }
}

const START: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

/// The seconds from 1970-01-01 to `moment`.
pub(crate) fn seconds(moment: DateTime) -> i64 {
    moment.duration_since(START).as_secs()
}

/// The moment so many seconds after 1970-01-01; nothing beyond the year 9999.
pub(crate) fn moment(seconds: i64) -> Option<DateTime> {
    START.checked_add(SignedDuration::from_secs(seconds)).ok()
}
