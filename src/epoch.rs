//! The one point in time that a build knows: the epoch of its lock.

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
