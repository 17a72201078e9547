//! Has the image's own programs check their files, before a tree is sealed.
//!
//! When a setting changes on a device, its programs check the files that change (`apply.d`, `overlays/README.md`). The
//! same commands run here, in one sandbox and on the whole tree. Further checks hold for all overlays: systemd reads
//! their units, interpreters read their scripts, the accounts and modules that they name exist, and the build has not
//! replaced their files. The law: **nothing is accepted that a program on the device refuses.** All refusals are shown
//! together, each with the program's output, the files that it reads and the settings on which these depend.
//!
//! Files that the programs write are discarded. Files that each device makes for itself are made by the commands
//! `prepare` of the same rules, and are discarded too. A tree that was accepted is not checked again. The store keeps
//! a code of it that gives away no secret (`Spec::codes`).

mod accounts;
mod check;
mod displaced;
mod keyrings;
mod libraries;
mod refusal;
mod rules;
mod scripts;
mod units;
mod view;

pub(crate) use refusal::Refusals;
pub use rules::RulesError;

use crate::compose::overlay_files::OverlayFiles;
use crate::configure::{self, ConfigureError, ConfigureRequest};
use crate::define::overlay::OverlayFile;
use crate::digest::{Hasher, Sha256};
use crate::event::{Event, Reporter, Stage, Work};
use crate::plan::Plan;
use crate::sandbox::{NAMELESS, Refusal};
use crate::specification::Configure;
use crate::store::Store;
use crate::tree::{self, Content, Kind, Origin, Slice, Tree};
use accounts::Accounts;
use check::{Check, Problem};
use std::io;
use std::path::Path;
use std::time::Duration;

/// The stage of the memo. It must change whenever the checks change.
const VERIFIED: &str = "verified-2";

/// Why a tree is not sealed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Programs of the image refuse it.
    #[error(transparent)]
    Refused(#[from] Refusals),
    /// The rules of `apply.d` cannot be read.
    #[error("the rules that say which program checks which file cannot be read")]
    Rules(#[from] RulesError),
    /// Programs could not be run.
    #[error("the image's own programs cannot be asked about its configuration")]
    Configure(#[from] ConfigureError),
    /// The store failed.
    #[error("cannot use the store")]
    Store(#[from] io::Error),
}

/// What a check of a tree uses beside the tree and its plan.
pub(crate) struct Request<'a, E> {
    /// The store, which has the contents of files, and the codes of accepted trees.
    pub(crate) store: &'a Store,
    /// This program, which the sandbox starts again inside itself.
    pub(crate) program: &'a Path,
    /// The time limit of one program, if not the usual one.
    pub(crate) script_timeout: Option<Duration>,
    /// Gives the user's key, by which accepted trees with secrets are recognized.
    pub(crate) own_key: fn() -> Option<[u8; 32]>,
    /// Whether the root is made of packages alone. Then everything that a unit needs must exist.
    pub(crate) packages_alone: bool,
    /// Fetches the tools of the sandbox. It is called only if a program has to run.
    pub(crate) tools: &'a dyn Fn() -> Result<Option<Tree>, E>,
    /// The listener for the events of the build.
    pub(crate) reporter: &'a dyn Reporter,
}

/// Has the programs in `root`, the finished tree of `plan`, check the files that they would read on a device, and
/// checks that `root` has all `overlay_files`.
///
/// # Errors
///
/// A program refuses a file, a file is missing, programs cannot be run, the store fails, or the tools cannot be
/// fetched.
pub(crate) fn verify<E: From<VerifyError>>(
    plan: &Plan,
    (root, overlay_files): (&Tree, &OverlayFiles),
    request: &Request<'_, E>,
) -> Result<(), E> {
    let reporter = request.reporter;
    let displaced = displaced::problems(plan, overlay_files, root);
    if plan.spec.configure == Configure::FirstBoot {
        let words = "the image's programs were not asked about its configuration: the device configures \
                     them itself (--configure first-boot)";
        reporter.report(Event::Warning(words.to_owned()));
        let checked = Refusals::check(plan, &[], Vec::new(), displaced);
        return Ok(checked.map_err(VerifyError::from)?);
    }
    let (checks, mut problems) = checks(plan, root, request)?;
    problems.splice(..0, displaced);
    let codes = plan.spec.codes(request.own_key);
    let key = codes.of(&key(plan, root, &checks));
    let known = key.is_some_and(|key| request.store.memo(VERIFIED, &key).is_some());
    let memoized = problems.is_empty() && (known || checks.is_empty());
    let tools = match memoized {
        true => None,
        false => (request.tools)()?,
    };
    reporter.started(Stage::Verify, Work::Uncounted);
    if !memoized {
        let refused = run(plan, root, &checks, tools.as_ref(), request)?;
        let is_complete = evaluate(plan, &checks, refused, problems, reporter)?;
        if let Some(key) = key.filter(|_| is_complete) {
            accept(&key, request.store)?;
        }
    }
    reporter.finished(Stage::Verify, memoized);
    Ok(())
}

/// Runs the programs of `checks` in the sandbox, and gives those that failed.
fn run<E>(
    plan: &Plan,
    root: &Tree,
    checks: &[Check],
    tools: Option<&Tree>,
    request: &Request<'_, E>,
) -> Result<Vec<Refusal>, VerifyError> {
    let steps = checks.iter().map(|check| check.step.clone()).collect();
    let request = ConfigureRequest {
        tree: &view::view(root, plan.epoch()),
        archives: &[],
        mounts: &[],
        store: request.store,
        architecture: plan.spec.board.architecture,
        tools,
        epoch: plan.epoch(),
        preseed: "",
        host_name: NAMELESS,
        script_timeout: request.script_timeout,
        program: request.program,
    };
    Ok(configure::verify(&request, steps)?)
}

/// Remembers that the tree of `key` was accepted.
fn accept(key: &Sha256, store: &Store) -> Result<(), VerifyError> {
    let accepted = store.insert(b"accepted\n")?;
    Ok(store.set_memo(VERIFIED, key, &accepted)?)
}

/// Fails if anything was refused; otherwise says whether every program could check its files.
fn evaluate(
    plan: &Plan,
    checks: &[Check],
    refused: Vec<Refusal>,
    problems: Vec<Problem>,
    reporter: &dyn Reporter,
) -> Result<bool, VerifyError> {
    let (unable, refused): (Vec<_>, Vec<_>) = refused.into_iter().partition(is_unable);
    for refusal in &unable {
        reporter.report(Event::Warning(format!(
            "this machine's kernel cannot tell whether a device takes what `{}` checks: {}",
            checks[refusal.index].step.name,
            refusal.output.trim_end()
        )));
    }
    Refusals::check(plan, checks, refused, problems)?;
    Ok(unable.is_empty())
}

/// Whether a program was unable to check its files: nftables has the kernel check its rules, and not every kernel
/// has that part.
fn is_unable(refusal: &Refusal) -> bool {
    const WORDS: [&str; 2] = [
        "Unable to initialize Netlink socket",
        "cache initialization failed",
    ];
    WORDS.iter().any(|words| refusal.output.contains(words))
}

/// The programs that must run, and the mistakes that are found without a program.
fn checks<E>(
    plan: &Plan,
    root: &Tree,
    request: &Request<'_, E>,
) -> Result<(Vec<Check>, Vec<Problem>), VerifyError> {
    let mut checks = rules::checks(&rules::read(root, request.store)?, root);
    // Problems of libraries come first, because they may be the cause of the others.
    let (mut libraries, mut problems) = (Vec::new(), Vec::new());
    let mut paths = Vec::new();
    let accounts = Accounts::read(root, request.store)?;
    for file in own_files(plan, root) {
        let Some(Kind::File(Content::Inline(bytes))) =
            root.at(&file.path).map(|id| &root.node(id).kind)
        else {
            continue;
        };
        match scripts::check(root, &file.path, bytes) {
            Some(Ok(check)) => checks.push(check),
            Some(Err(problem)) => problems.push(problem),
            None => {}
        }
        let text = String::from_utf8_lossy(bytes);
        libraries.extend(libraries::problems(root, &file.path, &text));
        problems.extend(keyrings::problems(root, &file.path, &text));
        problems.extend(accounts.problems(&file.path, &text)?);
        paths.push(file.path.clone());
    }
    let (enabled, strict) = (&plan.spec.units.enable, request.packages_alone);
    checks.extend(units::checks(root, &paths, enabled, strict));
    libraries.extend(problems);
    Ok((checks, libraries))
}

/// The files of overlays that are in `root`, each once, in the order of their paths.
fn own_files<'p>(plan: &'p Plan, root: &Tree) -> Vec<&'p OverlayFile> {
    let overlays = plan.spec.overlays.iter();
    let mut files: Vec<&OverlayFile> = overlays.flat_map(|overlay| &overlay.files).collect();
    files.retain(|file| {
        let node = root.at(&file.path).map(|id| root.node(id));
        node.is_some_and(|node| matches!(node.origin, Origin::Overlay(_)))
    });
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files.dedup_by(|one, other| one.path == other.path);
    files
}

/// The digest of everything that decides the result: the packages by the build's id, and all other files themselves.
fn key(plan: &Plan, root: &Tree, checks: &[Check]) -> Sha256 {
    let mut hasher = Hasher::new();
    hasher.field(&plan.build_id.0);
    hasher.field(&configure::STAGE_VERSION.to_le_bytes());
    for check in checks {
        hasher.field(check.step.command.join("\0").as_bytes());
    }
    let mut others = Tree::new(root.node(root.root()).meta);
    for (path, id) in root.walk() {
        let node = root.node(id);
        let packaged = matches!(node.origin, Origin::Package(_) | Origin::Base);
        if packaged || node.is_directory() {
            continue;
        }
        let mut node = node.clone();
        if let Kind::File(Content::Inline(bytes)) = &node.kind {
            // The dump of a tree would be three times as long as some of its inline files.
            node.kind = Kind::File(Content::Stored(Slice {
                object: Sha256::of(bytes),
                offset: 0,
                len: bytes.len() as u64,
            }));
        }
        let parents = path.split_last().map(|(parent, _)| parent);
        let meta = root.node(root.root()).meta;
        let put = parents.map(|parent| {
            others
                .make_directories(&parent, meta, &Origin::Builtin)
                .and_then(|_| others.insert(&path, node))
        });
        debug_assert!(put.is_some_and(|put| put.is_ok()), "paths of a tree");
    }
    hasher.field(tree::dump(&others).as_bytes());
    hasher.finish()
}
