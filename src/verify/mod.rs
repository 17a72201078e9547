//! The last thing before a tree is sealed: the image's own programs say whether they take what a device
//! would give them.
//!
//! A device has its programs check every file that is to change (`apply.d`, `overlays/README.md`). The same
//! commands run here, in one sandbox and on the whole tree, and with them what holds for everybody's
//! overlays: systemd reads their units, interpreters their scripts, accounts and modules that they name are there, and
//! the build has nothing else in the place of their files. The law: **nothing is accepted that a program on the device
//! refuses.** Every refusal is shown at once, with the program's words, the files that it reads and the settings that
//! these depend on.
//!
//! What programs write is thrown away. What each device makes for itself is made by the commands
//! `prepare` of the same rules, for this moment only. A tree that nobody refused is not asked about again;
//! it is remembered by a code that tells no secret (`Spec::codes`).

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
use crate::configure::{self, ConfigureError, Tools, VerifyRequest};
use crate::define::overlay::OverlayFile;
use crate::digest::{Hasher, Sha256};
use crate::event::{Event, Reporter, Stage, Work};
use crate::plan::Plan;
use crate::sandbox::Refusal;
use crate::specification::Configure;
use crate::store::Store;
use crate::tree::{self, Content, Kind, Origin, Slice, Tree};
use accounts::Accounts;
use check::{Check, Problem};
use std::io;
use std::path::Path;
use std::time::Duration;

/// Changes whenever more is checked than before, or something else.
const VERIFIED: &str = "verified-2";

/// Why the tree is not to be sealed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Programs of the image do not take it.
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

/// What checking a tree needs of the build.
pub(crate) struct Request<'a, E> {
    /// Where the contents of files are, and accepted trees are remembered.
    pub(crate) store: &'a Store,
    /// This program: the sandbox starts it again inside.
    pub(crate) program: &'a Path,
    /// How long one program may go on, if not as long as usual.
    pub(crate) script_timeout: Option<Duration>,
    /// Gives a key of the user's own, for what is remembered of trees with secrets.
    pub(crate) own_key: fn() -> Option<[u8; 32]>,
    /// Whether the root is made of packages alone: then whatever a unit needs has to be there.
    pub(crate) packages_alone: bool,
    /// Brings the tools of the sandbox, where a program has to be started.
    pub(crate) tools: &'a dyn Fn() -> Result<Option<Tools>, E>,
    /// Listens to the build.
    pub(crate) reporter: &'a dyn Reporter,
}

/// Has the programs in `root`, the finished tree of `plan`, check what they would read on a device; nothing may be
/// missing there of `overlay_files`.
///
/// # Errors
///
/// If something is refused, programs cannot be run, or the store fails; and what bringing the tools ends with.
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
        let refusals = Refusals::new(plan, &[], Vec::new(), displaced).map(VerifyError::from);
        return refusals.map_or(Ok(()), |it| Err(it.into()));
    }
    let (checks, mut problems) = checks(plan, root, request)?;
    problems.splice(..0, displaced);
    let key = plan
        .spec
        .codes(request.own_key)
        .of(&key(plan, root, &checks));
    let known = key.is_some_and(|key| request.store.memo(VERIFIED, &key).is_some());
    let memoized = problems.is_empty() && (known || checks.is_empty());
    let tools = match memoized {
        true => None,
        false => (request.tools)()?,
    };
    reporter.report(Event::Started {
        stage: Stage::Verify,
        work: Work::Uncounted,
    });
    if !memoized {
        let refused =
            run(plan, root, &checks, tools.as_ref(), request).map_err(VerifyError::from)?;
        let unasked =
            judge(plan, &checks, refused, problems, reporter).map_err(VerifyError::from)?;
        if let Some(key) = key.filter(|_| !unasked) {
            accept(&key, request.store).map_err(VerifyError::from)?;
        }
    }
    reporter.report(Event::Finished {
        stage: Stage::Verify,
        memoized,
    });
    Ok(())
}

/// Runs the programs of `checks` in the sandbox; returns what they refuse.
fn run<E>(
    plan: &Plan,
    root: &Tree,
    checks: &[Check],
    tools: Option<&Tools>,
    request: &Request<'_, E>,
) -> Result<Vec<Refusal>, ConfigureError> {
    let steps: Vec<_> = checks.iter().map(|check| check.step.clone()).collect();
    configure::verify(&VerifyRequest {
        tree: &view::view(root, plan.epoch()),
        store: request.store,
        architecture: plan.spec.board.architecture,
        tools,
        epoch: plan.epoch(),
        script_timeout: request.script_timeout,
        program: request.program,
        steps: &steps,
    })
}

/// Remembers that the tree of `key` was accepted.
fn accept(key: &Sha256, store: &Store) -> io::Result<()> {
    store.set_memo(VERIFIED, key, &store.insert(b"accepted\n")?)
}

/// Ends with what was refused, if anything was. Says whether a program could not look.
fn judge(
    plan: &Plan,
    checks: &[Check],
    refused: Vec<Refusal>,
    problems: Vec<Problem>,
    reporter: &dyn Reporter,
) -> Result<bool, Refusals> {
    let (unasked, refused): (Vec<_>, Vec<_>) = refused.into_iter().partition(is_unasked);
    for refusal in &unasked {
        reporter.report(Event::Warning(format!(
            "this machine's kernel cannot tell whether a device takes what `{}` checks: {}",
            checks[refusal.index].step.name,
            refusal.output.trim_end()
        )));
    }
    let refusals = Refusals::new(plan, checks, refused, problems);
    refusals.map_or(Ok(!unasked.is_empty()), Err)
}

/// Whether a program could not look: nftables has the kernel check its rules, and not every kernel has
/// that part.
fn is_unasked(refusal: &Refusal) -> bool {
    const WORDS: [&str; 2] = [
        "Unable to initialize Netlink socket",
        "cache initialization failed",
    ];
    WORDS.iter().any(|words| refusal.output.contains(words))
}

/// What programs are to be asked, and what is wrong without asking.
fn checks<E>(
    plan: &Plan,
    root: &Tree,
    request: &Request<'_, E>,
) -> Result<(Vec<Check>, Vec<Problem>), VerifyError> {
    let mut checks = rules::checks(&rules::read(root, request.store)?, root);
    // What is said first is what the words of others may come from.
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
    checks.extend(units::checks(
        root,
        &paths,
        &plan.spec.units.enable,
        request.packages_alone,
    ));
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

/// Everything that decides the verdict: the packages by the build's id, all other files by themselves.
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
            // The text of a tree is three times as long as some of its files.
            let (object, len) = (Sha256::of(bytes), bytes.len() as u64);
            let offset = 0;
            node.kind = Kind::File(Content::Stored(Slice {
                object,
                offset,
                len,
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
