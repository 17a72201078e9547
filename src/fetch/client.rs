//! The one HTTP client: time limits, bounded retries, several mirrors, no hidden settings.
//!
//! `reqwest` is seen by `fetch` only. Its traps that are fenced here: it reads the proxy from the
//! environment unless told not to, and its errors print the address with the password in it.

use super::Url;
use super::error::{FetchError, Trouble, transfer};
use super::pace::{Pace, Watch};
use super::proxy::{self, Proxies};
use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, CONTENT_RANGE, RANGE};
use std::io::{self, Read, Seek, SeekFrom};
use std::time::Duration;

/// Whether the network may be used at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Missing inputs are fetched.
    Online,
    /// Only the store and `file:` addresses are used.
    Offline,
}

/// How a [`Client`] behaves. Nothing is read from the environment.
pub struct Options {
    /// Whether the network may be used.
    pub network: Network,
    /// Which addresses are asked through which proxy.
    pub proxies: Proxies,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest silence of a server before or within an answer.
    pub stall_timeout: Duration,
    /// The slowest transfer that is waited for.
    pub pace: Pace,
    /// How often one address is tried in a row without getting any further.
    pub attempts: u32,
    /// Waits between two attempts; tests pass a function that does not.
    pub pause: Box<dyn Fn(Duration) + Send + Sync>,
    /// The time since some moment.
    pub clock: Box<dyn Fn() -> Duration + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            network: Network::Online,
            proxies: Proxies::default(),
            connect_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(30),
            pace: Pace::default(),
            attempts: 5,
            pause: Box::new(std::thread::sleep),
            clock: clock(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how fast bytes come decides whether they are waited for, and none of them"
)]
fn clock() -> Box<dyn Fn() -> Duration + Send + Sync> {
    let began = std::time::Instant::now();
    Box::new(move || began.elapsed())
}

/// Fetches over HTTP, HTTPS or from a file.
pub struct Client {
    http: reqwest::blocking::Client,
    pub(super) options: Options,
}

impl Client {
    /// A client with `options`.
    pub fn new(options: Options) -> Result<Self, FetchError> {
        let setup = |error: reqwest::Error| FetchError::Setup(error.without_url());
        let builder = reqwest::blocking::Client::builder()
            .user_agent(concat!("imgbuild/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.connect_timeout)
            // In the blocking client this limits each read, not the whole download.
            .timeout(options.stall_timeout)
            .redirect(reqwest::redirect::Policy::limited(5))
            .no_proxy();
        let builder = match proxy::rule(&options.proxies)? {
            Some(rule) => builder.proxy(rule),
            None => builder,
        };
        let http = builder.build().map_err(setup)?;
        Ok(Self { http, options })
    }

    /// Whether the network may be used.
    pub fn network(&self) -> Network {
        self.options.network
    }

    /// Begins to watch how fast a transfer is.
    pub(super) fn watch(&self) -> Watch<'_> {
        Watch::new(self.options.pace, &self.options.clock)
    }

    /// Waits before attempt `attempt` (1 is the first repetition), longer each time.
    pub fn back_off(&self, attempt: u32) {
        let factor = 1 << attempt.saturating_sub(1).min(5);
        (self.options.pause)(Duration::from_millis(500) * factor);
    }

    /// Fetches the small file `name`, which no digest names, past every cache, from the first of
    /// `urls` that has it. The caller must verify what it gets.
    pub fn get(&self, name: &str, urls: &[Url], limit: u64) -> Result<Vec<u8>, FetchError> {
        self.try_each(name, urls, |url| {
            let mut watch = self.watch();
            let mut body = self.open(url, 0)?;
            let mut bytes = Vec::new();
            let mut buffer = vec![0; 1 << 16];
            loop {
                let count = body.read(url, &mut buffer)?;
                if count == 0 {
                    return Ok(bytes);
                }
                watch.advance(url, count)?;
                bytes.extend_from_slice(&buffer[..count]);
                if bytes.len() as u64 > limit {
                    return Err(Trouble::Lasting(FetchError::TooLarge {
                        url: url.clone(),
                        limit,
                    }));
                }
            }
        })
    }

    /// Calls `action` for each of `urls` that may be used, several times where that may help.
    pub(super) fn try_each<T>(
        &self,
        name: &str,
        urls: &[Url],
        mut action: impl FnMut(&Url) -> Result<T, Trouble>,
    ) -> Result<T, FetchError> {
        let online = self.options.network == Network::Online;
        let mut error = FetchError::NoAddress {
            name: name.to_owned(),
        };
        if !online {
            error = FetchError::Offline {
                name: name.to_owned(),
            };
        }
        for url in urls
            .iter()
            .filter(|url| online || url.file_path().is_some())
        {
            let mut failures = 0;
            while failures < self.options.attempts.max(1) {
                match action(url) {
                    Ok(value) => return Ok(value),
                    Err(Trouble::Advanced(passing)) => {
                        error = passing;
                        failures = 0;
                        self.back_off(1);
                    }
                    Err(Trouble::Passing(passing)) => {
                        error = passing;
                        failures += 1;
                        if failures < self.options.attempts {
                            self.back_off(failures);
                        }
                    }
                    Err(Trouble::Lasting(lasting)) => {
                        error = lasting;
                        break;
                    }
                    Err(Trouble::Ours(ours)) => return Err(FetchError::File(ours)),
                }
            }
        }
        Err(error)
    }

    /// Starts to read `url` at `offset`, or at 0 where the server cannot do better.
    pub(super) fn open(&self, url: &Url, offset: u64) -> Result<Body, Trouble> {
        if let Some(path) = url.file_path() {
            return open_file(&path, offset).map_err(|e| Trouble::Lasting(FetchError::File(e)));
        }
        let mut request = self
            .http
            .get(url.inner().clone())
            .header(CACHE_CONTROL, "no-cache");
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        let response = request.send();
        let response =
            response.map_err(|error| transfer(url, io::Error::other(error.without_url())))?;
        let status = response.status();
        if status == StatusCode::RANGE_NOT_SATISFIABLE && offset > 0 {
            return self.open(url, 0);
        }
        let start = match status {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT if range_start(&response) == Some(offset) => offset,
            _ => {
                let error = FetchError::Status {
                    url: url.clone(),
                    status,
                };
                return Err(if may_pass(status) {
                    Trouble::Passing(error)
                } else {
                    Trouble::Lasting(error)
                });
            }
        };
        let total = response
            .content_length()
            .and_then(|len| len.checked_add(start));
        Ok(Body {
            start,
            total,
            reader: Box::new(response),
        })
    }
}

/// An answer under way.
pub(super) struct Body {
    /// The offset of its first byte in the whole file.
    pub(super) start: u64,
    /// The length of the whole file, where the server tells it.
    pub(super) total: Option<u64>,
    pub(super) reader: Box<dyn Read>,
}

impl Body {
    /// The next bytes; none at the end.
    pub(super) fn read(&mut self, url: &Url, buffer: &mut [u8]) -> Result<usize, Trouble> {
        loop {
            match self.reader.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map_err(|error| transfer(url, error)),
            }
        }
    }
}

/// Overload, time-outs and failing gateways pass; everything else is the server's last word.
fn may_pass(status: StatusCode) -> bool {
    status.is_server_error()
        || status == StatusCode::REQUEST_TIMEOUT
        || status == StatusCode::TOO_MANY_REQUESTS
        // A range that was not asked for: the next attempt may get what it asks.
        || status == StatusCode::PARTIAL_CONTENT
}

/// The first byte that `Content-Range: bytes 5-9/10` speaks of.
fn range_start(response: &reqwest::blocking::Response) -> Option<u64> {
    let value = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    let (start, _) = value.strip_prefix("bytes ")?.split_once('-')?;
    start.parse().ok()
}

fn open_file(path: &std::path::Path, offset: u64) -> io::Result<Body> {
    let mut file = fs_err::File::open(path)?;
    let total = file.metadata()?.len();
    let start = if offset <= total { offset } else { 0 };
    file.seek(SeekFrom::Start(start))?;
    Ok(Body {
        start,
        total: Some(total),
        reader: Box::new(file),
    })
}
