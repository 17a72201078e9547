//! How slow a transfer may be.
//!
//! What advances is waited for, however often it is cut off; what drips so slowly that it would never
//! end is not. The rate is looked at over a window of time, pauses between attempts included.

use super::Url;
use super::error::{FetchError, Trouble};
use std::time::Duration;

/// The slowest transfer that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// So many bytes must come.
    pub bytes: u64,
    /// In so much time.
    pub window: Duration,
}

impl Default for Pace {
    /// Six downloads share a line of 400 bytes a second.
    fn default() -> Self {
        Self {
            bytes: 4096,
            window: Duration::from_secs(60),
        }
    }
}

/// A transfer under way.
pub(super) struct Watch<'a> {
    pace: Pace,
    clock: &'a dyn Fn() -> Duration,
    /// When the window began, and what has come in it.
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

    /// Takes note of `count` further bytes from `url`.
    pub(super) fn advance(&mut self, url: &Url, count: usize) -> Result<(), Trouble> {
        let Pace { bytes, window } = self.pace;
        self.bytes = self.bytes.saturating_add(count as u64);
        let now = (self.clock)();
        if now.saturating_sub(self.since) < window {
            return Ok(());
        }
        let came = std::mem::take(&mut self.bytes);
        self.since = now;
        if came >= bytes {
            return Ok(());
        }
        Err(Trouble::Lasting(FetchError::TooSlow {
            url: url.clone(),
            came,
            seconds: window.as_secs(),
        }))
    }
}
