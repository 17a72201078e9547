//! The limit below which a transfer counts as too slow.
//!
//! A transfer that advances is continued, however often it is cut off. One that is so slow that it
//! would never end is given up. The rate is measured over a window of time, pauses between attempts
//! included.

use super::Url;
use super::error::{AttemptError, FetchError};
use std::time::Duration;

/// The slowest transfer that is not given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The number of bytes that must come within the window.
    pub bytes: u64,
    /// The length of the window.
    pub window: Duration,
}

impl Default for Pace {
    /// A rate that six downloads at once still reach on a line of 400 bytes a second.
    fn default() -> Self {
        Self {
            bytes: 4096,
            window: Duration::from_secs(60),
        }
    }
}

/// Watches the pace of one transfer.
pub(super) struct Watch<'a> {
    pace: Pace,
    clock: &'a dyn Fn() -> Duration,
    /// The beginning of the window, and the bytes that came in it.
    since: Duration,
    bytes: u64,
}

impl<'a> Watch<'a> {
    pub(super) fn new(pace: Pace, clock: &'a dyn Fn() -> Duration) -> Self {
        Self {
            pace,
            clock,
            since: clock(),
            bytes: 0,
        }
    }

    /// Begins a new window.
    pub(super) fn restart(&mut self) {
        self.since = (self.clock)();
        self.bytes = 0;
    }

    /// Counts `count` further bytes from `url`, and fails if the transfer is too slow.
    pub(super) fn advance(&mut self, url: &Url, count: usize) -> Result<(), AttemptError> {
        let Pace { bytes, window } = self.pace;
        self.bytes = self.bytes.saturating_add(count as u64);
        let now = (self.clock)();
        if now.saturating_sub(self.since) < window {
            return Ok(());
        }
        let received = std::mem::take(&mut self.bytes);
        self.since = now;
        if received >= bytes {
            return Ok(());
        }
        Err(AttemptError::Permanent(FetchError::TooSlow {
            url: url.clone(),
            received,
            seconds: window.as_secs(),
        }))
    }
}
