//! Fetches one file into a partial file, from the first of several addresses that has it. Downloads
//! of known and of unknown digest differ only in what is expected of the file.

use super::Url;
use super::client::Client;
use super::error::{AttemptError, FetchError};
use super::pace::Watch;
use super::partial::Partial;
use crate::digest::Sha256;
use crate::event::{Event, Reporter, Stage, Work};

/// What is known of a file before it is fetched.
#[derive(Clone, Copy)]
pub(super) enum Expected {
    /// Its length in bytes, and its digest.
    Content { size: u64, sha256: Sha256 },
    /// The greatest length that a genuine file of its kind has, in bytes.
    Limit(u64),
}

impl Expected {
    fn longest(self) -> u64 {
        match self {
            Self::Content { size, .. } => size,
            Self::Limit(limit) => limit,
        }
    }

    /// Refuses a file of `url` if a length of `found` bytes is wrong.
    fn check_len(self, url: &Url, found: u64) -> Result<(), AttemptError> {
        let url = url.clone();
        let error = match self {
            Self::Content { size, .. } if found != size => FetchError::Size {
                url,
                expected: size,
                found,
            },
            Self::Limit(limit) if found > limit => FetchError::TooLarge { url, limit },
            _ => return Ok(()),
        };
        Err(AttemptError::Permanent(error))
    }
}

impl Client {
    /// Completes `partial` with the file `name`, from the first of `urls` that has it. If this
    /// fails, the bytes that were received are left for the next run.
    pub(super) fn complete(
        &self,
        (name, urls): (&str, &[Url]),
        expected: Expected,
        mut partial: Partial,
        progress: &mut Progress<'_>,
    ) -> Result<Partial, FetchError> {
        partial
            .resume(expected.longest())
            .map_err(FetchError::File)?;
        // The server is not to blame for the time that the lock and the hashing took.
        progress.watch.restart();
        let fetched = self.try_each(name, urls, |url| {
            let result = self.transfer(expected, &mut partial, url, progress);
            result.map_err(|error| partial.classify(error))
        });
        match fetched {
            Ok(()) => Ok(partial),
            Err(error) => {
                partial.leave();
                Err(error)
            }
        }
    }

    /// Reads the missing rest of `partial` from `url`, and checks the digest if it is known.
    fn transfer(
        &self,
        expected: Expected,
        partial: &mut Partial,
        url: &Url,
        progress: &mut Progress<'_>,
    ) -> Result<(), AttemptError> {
        let Expected::Content { size, sha256 } = expected else {
            return self.append(expected, partial, url, progress);
        };
        let resumed = partial.len > 0;
        if partial.len < size {
            self.append(expected, partial, url, progress)?;
        }
        let received = partial.hasher.clone().finish();
        if received == sha256 {
            return Ok(());
        }
        partial.restart().map_err(AttemptError::Local)?;
        let error = FetchError::Digest {
            url: url.clone(),
            expected: sha256,
            received,
        };
        // The bytes of the earlier run may be the wrong ones: they may come from another mirror, or
        // may have been lost in a crash.
        Err(if resumed {
            AttemptError::Transient(error)
        } else {
            AttemptError::Permanent(error)
        })
    }

    fn append(
        &self,
        expected: Expected,
        partial: &mut Partial,
        url: &Url,
        progress: &mut Progress<'_>,
    ) -> Result<(), AttemptError> {
        progress.watch.advance(url, 0)?;
        let mut body = self.open(url, partial.len)?;
        let total = match (body.total, expected) {
            (Some(total), _) => {
                expected.check_len(url, total)?;
                Some(total)
            }
            (None, Expected::Content { size, .. }) => Some(size),
            (None, Expected::Limit(_)) => None,
        };
        if body.start != partial.len {
            partial.restart().map_err(AttemptError::Local)?;
        }
        if let Expected::Limit(_) = expected {
            progress.start(total);
        }
        progress.reach(partial.len);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = body.read(url, &mut buffer)?;
            if count == 0 {
                break;
            }
            if partial.len.saturating_add(count as u64) > expected.longest() {
                partial.restart().map_err(AttemptError::Local)?;
                expected.check_len(url, expected.longest().saturating_add(1))?;
            }
            let received = partial.append(&buffer[..count]);
            received.map_err(AttemptError::Local)?;
            progress.reach(partial.len);
            progress.watch.advance(url, count)?;
        }
        match total {
            Some(expected) if partial.len < expected => {
                Err(AttemptError::Transient(FetchError::CutOff {
                    url: url.clone(),
                    expected,
                    received: partial.len,
                }))
            }
            _ => Ok(()),
        }
    }
}

/// Reports each byte once, even if a download starts again, and watches the pace of the transfer.
pub(super) struct Progress<'a> {
    reporter: &'a dyn Reporter,
    watch: Watch<'a>,
    /// Whether this download has reported its own start, because no caller knew its length.
    started: bool,
    /// The number of reported bytes.
    reported: u64,
}

impl<'a> Progress<'a> {
    pub(super) fn new(client: &'a Client, reporter: &'a dyn Reporter) -> Self {
        Self {
            reporter,
            watch: client.watch(),
            started: false,
            reported: 0,
        }
    }

    fn start(&mut self, total: Option<u64>) {
        if !std::mem::replace(&mut self.started, true) {
            self.reporter.report(Event::Started {
                stage: Stage::Fetch,
                work: Work::Bytes(total),
            });
        }
    }

    pub(super) fn reach(&mut self, total: u64) {
        let amount = total.saturating_sub(self.reported);
        if amount > 0 {
            self.reported = total;
            self.reporter.report(Event::Advanced {
                stage: Stage::Fetch,
                amount,
            });
        }
    }

    pub(super) fn finish(&self) {
        if self.started {
            self.reporter.report(Event::Finished {
                stage: Stage::Fetch,
                memoized: false,
            });
        }
    }
}
