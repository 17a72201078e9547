//! The only HTTP client, with time limits, a bounded number of retries, several mirrors and no
//! hidden settings.
//!
//! Only `fetch` sees `reqwest`. Two of its traps are fenced here: it reads proxies from the
//! environment unless it is told not to, and its errors print the address with the password in it.

use super::Url;
use super::error::{AttemptError, FetchError};
use super::pace::{Pace, Watch};
use super::proxy::{self, Proxies};
use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, CONTENT_RANGE, RANGE};
use std::io::{self, Read, Seek, SeekFrom};
use std::time::Duration;

/// Whether the network may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Missing inputs are fetched.
    Online,
    /// Only the store and `file:` addresses are used.
    Offline,
}

/// Options of a [`Client`]. Nothing is read from the environment.
pub struct Options {
    /// Whether the network may be used.
    pub network: Network,
    /// The proxies for the different addresses.
    pub proxies: Proxies,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest time that a server may send nothing, before its answer or within it.
    pub stall_timeout: Duration,
    /// The slowest transfer that is not given up.
    pub pace: Pace,
    /// How often one address is tried in a row while no attempt gets further than the one before.
    pub attempts: u32,
    /// The function that waits between two attempts; tests pass one that returns at once.
    pub pause: Box<dyn Fn(Duration) + Send + Sync>,
    /// The time since a fixed moment.
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

/// A client that fetches over HTTP, over HTTPS or from a file.
pub struct Client {
    http: reqwest::blocking::Client,
    pub(super) options: Options,
}

impl Client {
    /// Makes a client with `options`.
    ///
    /// # Errors
    ///
    /// A proxy cannot be used, or the TLS library cannot be set up.
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

    /// Waits before repetition number `attempt`, which counts from 1; each wait is longer than the
    /// one before.
    pub fn back_off(&self, attempt: u32) {
        let factor = 1 << attempt.saturating_sub(1).min(5);
        (self.options.pause)(Duration::from_millis(500) * factor);
    }

    /// Fetches the small file `name`, whose digest is not known, from the first of `urls` that has
    /// it. Caches on the way are told to ask the server. The caller must verify the bytes.
    ///
    /// # Errors
    ///
    /// No address has the file, it is longer than `limit` bytes, or the client is offline.
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
                    return Err(AttemptError::Permanent(FetchError::TooLarge {
                        url: url.clone(),
                        limit,
                    }));
                }
            }
        })
    }

    /// Calls `action` for each of `urls` that may be used, several times if a repetition may help.
    pub(super) fn try_each<T>(
        &self,
        name: &str,
        urls: &[Url],
        mut action: impl FnMut(&Url) -> Result<T, AttemptError>,
    ) -> Result<T, FetchError> {
        let online = self.options.network == Network::Online;
        let name = name.to_owned();
        let mut error = match self.options.network {
            Network::Online => FetchError::NoAddress { name },
            Network::Offline => FetchError::Offline { name },
        };
        for url in urls
            .iter()
            .filter(|url| online || url.file_path().is_some())
        {
            let mut failures = 0;
            while failures < self.options.attempts.max(1) {
                match action(url) {
                    Ok(value) => return Ok(value),
                    Err(AttemptError::Progressed(transient)) => {
                        error = transient;
                        failures = 0;
                        self.back_off(1);
                    }
                    Err(AttemptError::Transient(transient)) => {
                        error = transient;
                        failures += 1;
                        if failures < self.options.attempts {
                            self.back_off(failures);
                        }
                    }
                    Err(AttemptError::Permanent(permanent)) => {
                        error = permanent;
                        break;
                    }
                    Err(AttemptError::Local(local)) => return Err(FetchError::File(local)),
                }
            }
        }
        Err(error)
    }

    /// Starts to read `url` at `offset`, or from its start if the server does not support ranges.
    pub(super) fn open(&self, url: &Url, offset: u64) -> Result<Body, AttemptError> {
        if let Some(path) = url.file_path() {
            return open_file(&path, offset)
                .map_err(|e| AttemptError::Permanent(FetchError::File(e)));
        }
        let mut request = self
            .http
            .get(url.inner().clone())
            .header(CACHE_CONTROL, "no-cache");
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        let response = request.send();
        let response = response
            .map_err(|error| AttemptError::transfer(url, io::Error::other(error.without_url())))?;
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
                return Err(if is_transient(status) {
                    AttemptError::Transient(error)
                } else {
                    AttemptError::Permanent(error)
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

/// The body of an answer that is being read.
pub(super) struct Body {
    /// The offset of the body's first byte in the whole file.
    pub(super) start: u64,
    /// The length of the whole file, if the server says it.
    pub(super) total: Option<u64>,
    pub(super) reader: Box<dyn Read>,
}

impl Body {
    /// Reads the next bytes and gives their number, which is 0 at the end.
    pub(super) fn read(&mut self, url: &Url, buffer: &mut [u8]) -> Result<usize, AttemptError> {
        loop {
            match self.reader.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map_err(|error| AttemptError::transfer(url, error)),
            }
        }
    }
}

/// Says whether the server may answer otherwise later: overload, time-outs and failing gateways
/// pass, every other status is final.
fn is_transient(status: StatusCode) -> bool {
    status.is_server_error()
        || status == StatusCode::REQUEST_TIMEOUT
        || status == StatusCode::TOO_MANY_REQUESTS
        // This is another range than the one that was asked for. The next attempt may get the right
        // one.
        || status == StatusCode::PARTIAL_CONTENT
}

/// The offset of the first byte in an answer with `Content-Range: bytes 5-9/10`, here 5.
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
