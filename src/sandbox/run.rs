//! Starts a sandbox, reads what is printed in it, and takes its result into the store.

use super::error::{Area, Failure, Outcome, Refusal, SandboxError};
use super::inside::STAGE;
use super::job::{BUNDLE, JOB, Job, OUTCOME, RESULT, Scratch, TOOLS, TREE};
use super::running::Running;
use super::scan::moved;
use crate::digest::Sha256;
use crate::store::Store;
use crate::tree::{self, ALIGNMENT, Content, Kind, NodeId, Objects, Piece, Tree};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs `job` on `tree` to its end. `listen` is called with every printed line.
pub(crate) fn run<'a>(
    job: &Job,
    tree: &Tree,
    tools: Option<&Tree>,
    store: &'a Store,
    program: &Path,
    listen: &mut dyn FnMut(&str),
) -> Result<Finished<'a>, SandboxError> {
    if !super::filter::SUPPORTED {
        return Err(SandboxError::Host {
            host: std::env::consts::ARCH,
        });
    }
    let guard = ScratchGuard {
        scratch: Scratch(store.scratch_path()),
        store,
    };
    let scratch = &guard.scratch;
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(scratch.path())?;
    fs_err::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o700))?;
    fs_err::write(scratch.file(TREE), tree::dump(tree))?;
    if let Some(tools) = tools {
        fs_err::write(scratch.file(TOOLS), tree::dump(tools))?;
    }
    let text = serde_json::to_vec(job).map_err(io::Error::from)?;
    fs_err::write(scratch.file(JOB), text)?;
    let (status, output) = listen_to(program, scratch, listen)?;
    // The free space is noted before the scratch folder is removed, because a report may be cut off
    // for want of space.
    store.free();
    // A process that is killed while it reports leaves half a report, or none.
    let outcome = fs_err::read(scratch.file(OUTCOME)).ok();
    let outcome = outcome.and_then(|text| serde_json::from_slice(&text).ok());
    let Some(outcome) = outcome else {
        return Err(SandboxError::Lost { status, output });
    };
    match outcome {
        Outcome::Done { refusals } => Ok(Finished { refusals, guard }),
        Outcome::Step { index, ending } => Err(SandboxError::Script {
            step: job.steps[index].name.clone(),
            ending,
            output,
        }),
        Outcome::Failure(failure) => Err(explain(&failure, job)),
    }
}

fn listen_to(
    program: &Path,
    scratch: &Scratch,
    listen: &mut dyn FnMut(&str),
) -> Result<(std::process::ExitStatus, String), SandboxError> {
    let (mut reader, writer) = io::pipe()?;
    let mut command = Command::new(program);
    command
        .arg(STAGE)
        .arg(std::process::id().to_string())
        .current_dir(scratch.path())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let running = Running::start(&mut command)?;
    // Otherwise the ends of the pipe in this process would keep it open.
    drop(command);
    let mut tail = Tail::default();
    let mut buffer = vec![0; 65_536];
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            n => tail.push(&buffer[..n], listen),
        }
    }
    let status = running.wait()?;
    Ok((status, tail.finish(listen)))
}

/// A finished sandbox, whose result is in the scratch folder.
pub(crate) struct Finished<'a> {
    /// The failed steps whose failure is an answer.
    pub(crate) refusals: Vec<Refusal>,
    guard: ScratchGuard<'a>,
}

/// The result of a finished sandbox. Its new contents are still in the scratch folder.
pub(crate) struct Output<'a> {
    pub(crate) tree: Tree,
    store: &'a Store,
    bundle: Sha256,
    file: PathBuf,
    /// The scratch folder, which is removed last.
    _guard: ScratchGuard<'a>,
}

impl<'a> Finished<'a> {
    /// Reads the result of a job that did not discard it.
    pub(crate) fn output(self) -> Result<Output<'a>, SandboxError> {
        let scratch = &self.guard.scratch;
        let text = fs_err::read_to_string(scratch.file(RESULT))?;
        let (digest, dump) = text.split_once('\n').unwrap_or_default();
        Ok(Output {
            tree: tree::parse_dump(dump)?,
            store: self.guard.store,
            bundle: digest.parse().map_err(io::Error::other)?,
            file: scratch.file(BUNDLE),
            _guard: self.guard,
        })
    }
}

impl Output<'_> {
    /// Stores the contents that the tree still uses as one object, in path order and each at a
    /// multiple of [`ALIGNMENT`] bytes.
    pub(crate) fn keep(self) -> Result<Tree, SandboxError> {
        let mut kept: BTreeMap<NodeId, Vec<Piece>> = BTreeMap::new();
        let mut writer = self.store.writer()?;
        let mut file = fs_err::File::open(&self.file)?;
        let mut len = 0;
        for (_, id) in self.tree.walk() {
            let Kind::File(content) = &self.tree.node(id).kind else {
                continue;
            };
            if kept.contains_key(&id) {
                continue;
            }
            let mut pieces: Vec<Piece> = content.pieces().collect();
            let slices = pieces.iter_mut().filter_map(|piece| match piece {
                Piece::Stored(slice) if slice.object == self.bundle => Some(slice),
                _ => None,
            });
            let before = len;
            for slice in slices {
                file.seek(SeekFrom::Start(slice.offset))?;
                let copied = io::copy(&mut (&mut file).take(slice.len), &mut writer)?;
                if copied != slice.len {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
                slice.offset = len;
                len += slice.len;
            }
            if len > before {
                let padded = len.next_multiple_of(ALIGNMENT);
                io::copy(&mut io::repeat(0).take(padded - len), &mut writer)?;
                len = padded;
                kept.insert(id, pieces);
            }
        }
        let mut tree = self.tree;
        if kept.is_empty() {
            return Ok(tree);
        }
        let object = writer.commit()?;
        for (id, pieces) in kept {
            let content = match moved(pieces, &self.bundle, object) {
                Content::Stored(slice) => Content::padded(slice),
                scattered => scattered,
            };
            tree.node_mut(id).kind = Kind::File(content);
        }
        Ok(tree)
    }
}

impl Objects for Output<'_> {
    fn open(&self, digest: &Sha256) -> io::Result<fs_err::File> {
        match *digest == self.bundle {
            true => fs_err::File::open(&self.file),
            false => Objects::open(self.store, digest),
        }
    }
}

fn explain(failure: &Failure, job: &Job) -> SandboxError {
    let source = failure.source();
    // AppArmor allows the namespace, and then refuses everything in it.
    let denied = matches!(failure.errno, libc::EPERM | libc::EACCES);
    let hollow = failure.area == Area::Other && denied && is(APPARMOR, "1");
    match (failure.area, &job.emulation) {
        (area, _) if hollow || area == Area::Namespace => SandboxError::NoNamespace {
            help: namespace_help(),
            source,
        },
        (Area::Emulation, Some(emulation)) => SandboxError::Emulation {
            architecture: emulation.target,
            reason: "the kernel has no binfmt_misc of its own for a user namespace",
            source,
        },
        _ => SandboxError::Setup {
            doing: failure.doing.clone(),
            source,
        },
    }
}

const APPARMOR: &str = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";

/// Whether the kernel's setting at `path` is `value`.
fn is(path: &str, value: &str) -> bool {
    fs_err::read_to_string(path).is_ok_and(|found| found.trim() == value)
}

/// The setting that the user must change, by the present settings of the kernel.
fn namespace_help() -> &'static str {
    if is(APPARMOR, "1") {
        return "allow it with `sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or with an \
                AppArmor profile for imgbuild that has the rule `userns,`";
    }
    if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        return "allow it with `sysctl kernel.unprivileged_userns_clone=1`";
    }
    if is("/proc/sys/user/max_user_namespaces", "0") {
        return "allow it with `sysctl user.max_user_namespaces=10000`";
    }
    "in a container, run imgbuild as an ordinary user, with the system calls that the README names \
     and a /proc that hides nothing from that user (README, \"What a host must allow\"); or \
     configure on first boot"
}

/// The last lines of an output.
#[derive(Default)]
struct Tail {
    lines: VecDeque<String>,
    line: Vec<u8>,
}

/// The number of lines that an error shows.
const N_LINES: usize = 60;
/// The length in bytes at which a line is cut.
const LINE: usize = 4096;

impl Tail {
    fn push(&mut self, bytes: &[u8], listen: &mut dyn FnMut(&str)) {
        for byte in bytes {
            match byte {
                b'\n' => self.end_line(listen),
                _ if self.line.len() < LINE => self.line.push(*byte),
                _ => {}
            }
        }
    }

    fn end_line(&mut self, listen: &mut dyn FnMut(&str)) {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        listen(&line);
        if self.lines.len() == N_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    fn finish(mut self, listen: &mut dyn FnMut(&str)) -> String {
        if !self.line.is_empty() {
            self.end_line(listen);
        }
        Vec::from(self.lines).join("\n")
    }
}

/// Removes the scratch folder when it is dropped, whatever the modes in it.
struct ScratchGuard<'a> {
    scratch: Scratch,
    store: &'a Store,
}

impl Drop for ScratchGuard<'_> {
    fn drop(&mut self) {
        self.store.discard(self.scratch.path().to_owned());
    }
}
