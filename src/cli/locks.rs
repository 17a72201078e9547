//! Reads and writes the file of a lock: the one that the user names, or the one beside the profile.

use super::args::SourceArgs;
use super::failure::Failure;
use super::{files, signals, target};
use crate::base::Base;
use crate::event::{Event, Reporter};
use crate::lock::Lock;
use crate::plan::Plan;
use crate::session::{Session, SessionError};
use crate::specification::Spec;
use crate::unfinished::Unfinished;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The default path of the lock: beside the profile, in the definitions of the working directory.
pub(super) fn default(spec: &Spec) -> PathBuf {
    let base = spec.base.as_ref().map(|base| format!("+{}", base.name()));
    PathBuf::from(format!(
        "profiles/{}/{}{}.lock",
        spec.profile.name,
        spec.board.name,
        base.unwrap_or_default()
    ))
}

/// The plan by the lock in the file, or else by a new lock; and the base of the build.
pub(super) fn plan(
    session: &Session<'_>,
    args: &SourceArgs,
    reporter: &dyn Reporter,
) -> Result<(Plan, Base), Failure> {
    let found = read(session, args, reporter)?;
    let base = session.base(found.as_ref())?;
    let lock = match found {
        Some(lock) => lock,
        None => session.resolve(&base)?,
    };
    Ok((session.plan(lock)?, base))
}

/// The lock that `args` name, or the one beside the profile. There may be none if `args` do not require one.
fn read(
    session: &Session<'_>,
    args: &SourceArgs,
    reporter: &dyn Reporter,
) -> Result<Option<Lock>, Failure> {
    let (path, text) = match &args.lock {
        Some(path) => (path.clone(), files::read_text(path, files::MAX_LONG)),
        None => {
            let path = default(session.spec());
            let text = files::read_found(&path, files::MAX_LONG);
            (path, text)
        }
    };
    let is_missing = matches!(&text, Err(error) if error.kind() == io::ErrorKind::NotFound);
    if is_missing && args.lock.is_none() && !args.locked {
        return Ok(None);
    }
    let lock = parse(&path, text)?;
    let shown = path.display();
    let text = format!("lock `{shown}` decides the version of every package");
    reporter.report(Event::Warning(text));
    // Somebody else may have put a lock beside a profile that is shipped with imgbuild.
    if args.lock.is_none() && target::is_shipped(&args.target)? {
        session
            .check_found_lock(&lock)
            .map_err(|error| match error {
                SessionError::FoundLock(decision) => Failure::FoundLock { path, decision },
                error => error.into(),
            })?;
    }
    Ok(Some(lock))
}

/// The lock in the file `path`, which the user named.
pub(super) fn named(path: &Path) -> Result<Lock, Failure> {
    parse(path, files::read_text(path, files::MAX_LONG))
}

/// The lock in `text`, which was read from the file `path`.
fn parse(path: &Path, text: io::Result<String>) -> Result<Lock, Failure> {
    let path = path.to_owned();
    let text = match text {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Failure::NoLock(path)),
        Err(source) => return Err(Failure::ReadLock { path, source }),
    };
    Lock::parse(&text).map_err(|source| Failure::Lock { path, source })
}

/// Writes `lock` to `path`, and makes the folders of the path.
pub(super) fn write(path: &Path, lock: &Lock) -> Result<(), Failure> {
    let write = || {
        let folder = path.parent();
        if let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) {
            fs_err::create_dir_all(folder)?;
        }
        let unfinished = Unfinished::create(path)?;
        signals::guard(unfinished.partial());
        let mut file = unfinished.file();
        file.write_all(lock.to_text().as_bytes())?;
        unfinished.finish()
    };
    write().map_err(|source| Failure::WriteLock {
        path: path.to_owned(),
        source,
    })
}
