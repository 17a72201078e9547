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

impl Epoch {
    /// The moment in the form of RFC 3339: `2026-01-31T12:00:00Z`.
    pub fn rfc3339(self) -> String {
        format!("{}Z", self.moment().strftime("%Y-%m-%dT%H:%M:%S"))
    }

    /// The day: `2026-01-31`.
    pub fn date(self) -> String {
        self.moment().date().to_string()
    }

    fn moment(self) -> DateTime {
        let found = i64::try_from(self.0).ok().and_then(moment);
        found.unwrap_or(DateTime::MAX)
    }
}

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

#[cfg(test)]
mod tests {
    use super::Epoch;

    #[test]
    fn moments_are_shown_as_rfc_3339_has_them() {
        // `date -u -d @1769860800`
        assert_eq!(Epoch(1_769_860_800).rfc3339(), "2026-01-31T12:00:00Z");
        assert_eq!(Epoch(1_769_860_800).date(), "2026-01-31");
        assert_eq!(Epoch(0).rfc3339(), "1970-01-01T00:00:00Z");
        assert_eq!(Epoch(u64::MAX).date(), "9999-12-31");
    }
}
