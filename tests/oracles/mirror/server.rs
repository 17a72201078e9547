//! An HTTP/1.1 server on 127.0.0.1 that serves a folder, notes requests, and can be told to
//! misbehave.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// One way to misbehave.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Answers with this status and no file.
    Status(u16),
    /// Announces the whole length and hangs up after this many bytes of the body.
    Truncate(usize),
    /// As `Truncate`, and ignores `Range`.
    TruncateWhole(usize),
    /// Flips the byte at this offset of the file.
    Corrupt(usize),
    /// Sends this many bytes of the body, then nothing more, without hanging up.
    Stall(usize),
    /// Accepts the connection and never answers.
    Silence,
    /// Ignores `Range`.
    NoRange,
    /// Sends this many bytes at a time, with a pause between.
    Slow(usize, Duration),
    /// Serves other bytes: the file as it was at another time.
    Serve(Vec<u8>),
    /// Redirects to another address.
    Redirect(String),
}

/// How often a fault occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    Once,
    Always,
}

/// A request that the server received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The decoded path.
    pub(crate) path: String,
    /// Header fields, names in lower case.
    pub(crate) fields: BTreeMap<String, String>,
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    root: PathBuf,
    faults: Mutex<Vec<(String, Fault, Times)>>,
    requests: Mutex<Vec<Request>>,
    stopped: Mutex<bool>,
    stop: Condvar,
}

impl Server {
    /// Serves `root`.
    pub(crate) fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            faults: Mutex::new(Vec::new()),
            requests: Mutex::new(Vec::new()),
            stopped: Mutex::new(false),
            stop: Condvar::new(),
        });
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    /// The address of its root: `http://127.0.0.1:1234`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets requests for `path`, which starts with `/`, meet a fault. Of several faults for a path,
    /// the first one that was given occurs first.
    pub(crate) fn fault(&self, path: &str, fault: Fault, times: Times) {
        self.shared
            .faults
            .lock()
            .unwrap()
            .push((path.to_owned(), fault, times));
    }

    /// Ends the first fault that was given for `path`.
    pub(crate) fn forgive(&self, path: &str) {
        let mut faults = self.shared.faults.lock().unwrap();
        if let Some(at) = faults.iter().position(|(of, _, _)| of == path) {
            faults.remove(at);
        }
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The values of `Range` in the requests for `path` so far; empty for a request without one.
    pub(crate) fn ranges(&self, path: &str) -> Vec<String> {
        let requests = self
            .requests()
            .into_iter()
            .filter(|request| request.path == path);
        requests
            .map(|request| request.fields.get("range").cloned().unwrap_or_default())
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        *self.shared.stopped.lock().unwrap() = true;
        self.shared.stop.notify_all();
        // This wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if *shared.stopped.lock().unwrap() {
            return;
        }
        let (Ok(stream), shared) = (stream, Arc::clone(shared)) else {
            continue;
        };
        std::thread::spawn(move || {
            // A client that hangs up is no failure of the server.
            let _ = shared.answer(&stream);
            let _ = stream.shutdown(Shutdown::Both);
        });
    }
}

impl Shared {
    fn answer(&self, stream: &TcpStream) -> io::Result<()> {
        let request = read_request(stream)?;
        self.requests.lock().unwrap().push(request.clone());
        let fault = self.next_fault(&request.path);
        let mut file = fs_err::read(self.root.join(request.path.trim_start_matches('/'))).ok();
        let mut range = request
            .fields
            .get("range")
            .and_then(|range| first_byte(range));
        let (mut end, mut piece, mut pause) = (usize::MAX, usize::MAX, Duration::ZERO);
        let mut stalls = false;
        match fault {
            Some(Fault::Status(status)) => return respond(stream, status, "", &[]),
            Some(Fault::Redirect(to)) => {
                return respond(stream, 302, &format!("Location: {to}\r\n"), &[]);
            }
            Some(Fault::Silence) => {
                self.wait(None);
                return Ok(());
            }
            Some(Fault::Serve(other)) => file = Some(other),
            Some(Fault::Corrupt(at)) => {
                if let Some(byte) = file.as_mut().and_then(|file| file.get_mut(at)) {
                    *byte ^= 1;
                }
            }
            Some(Fault::NoRange) => range = None,
            Some(Fault::Truncate(at)) => end = at,
            Some(Fault::TruncateWhole(at)) => (end, range) = (at, None),
            Some(Fault::Stall(at)) => (end, stalls) = (at, true),
            Some(Fault::Slow(bytes, time)) => (piece, pause) = (bytes, time),
            None => {}
        }
        let Some(file) = file else {
            return respond(stream, 404, "", &[]);
        };
        let start = range.unwrap_or(0);
        if start >= file.len() && start > 0 {
            return respond(stream, 416, "", &[]);
        }
        let body = &file[start..];
        let field = match range {
            None => String::new(),
            Some(_) => {
                format!(
                    "Content-Range: bytes {start}-{}/{}\r\n",
                    file.len() - 1,
                    file.len()
                )
            }
        };
        head(
            stream,
            if range.is_some() { 206 } else { 200 },
            &field,
            body.len(),
        )?;
        let mut stream = stream;
        for chunk in body[..end.min(body.len())].chunks(piece) {
            stream.write_all(chunk)?;
            if !pause.is_zero() {
                self.wait(Some(pause));
            }
        }
        if stalls {
            self.wait(None);
        }
        Ok(())
    }

    fn next_fault(&self, path: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let at = faults.iter().position(|(of, _, _)| of == path)?;
        Some(match faults[at].2 {
            Times::Once => faults.remove(at).1,
            Times::Always => faults[at].1.clone(),
        })
    }

    /// Waits for `time`, or for ever if there is none, but no longer than the server lives.
    fn wait(&self, time: Option<Duration>) {
        let stopped = self.stopped.lock().unwrap();
        match time {
            Some(time) => drop(
                self.stop
                    .wait_timeout_while(stopped, time, |stopped| !*stopped),
            ),
            None => drop(self.stop.wait_while(stopped, |stopped| !*stopped)),
        }
    }
}

fn respond(stream: &TcpStream, status: u16, fields: &str, body: &[u8]) -> io::Result<()> {
    head(stream, status, fields, body.len())?;
    let mut stream = stream;
    stream.write_all(body)
}

fn head(mut stream: &TcpStream, status: u16, fields: &str, len: usize) -> io::Result<()> {
    let text = format!(
        "HTTP/1.1 {status} Test\r\nContent-Length: {len}\r\nConnection: close\r\n{fields}\r\n"
    );
    stream.write_all(text.as_bytes())
}

fn read_request(stream: &TcpStream) -> io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let path = decode(first.split(' ').nth(1).unwrap_or("/"));
    let mut fields = BTreeMap::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        fields.insert(name.to_lowercase(), value.trim().to_owned());
    }
    Ok(Request { path, fields })
}

/// The start of `bytes=5-`.
fn first_byte(range: &str) -> Option<usize> {
    range
        .strip_prefix("bytes=")?
        .strip_suffix('-')?
        .parse()
        .ok()
}

fn decode(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let quoted = hex
            .filter(|_| byte == b'%')
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(quoted.unwrap_or(byte));
        rest = if quoted.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
