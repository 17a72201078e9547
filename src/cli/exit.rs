//! Exit codes, which tell another program why a command failed.
//!
//! Every match names every variant, so that the compiler demands a code for a new error.

mod build;
mod codes;
mod input;

pub(super) use codes::{BUG, DONE, INTERRUPT, USAGE};

use super::failure::Failure;
use crate::base::sparse::Beyond;
use crate::boot_test::{BootTestError, MachineDiskError};
use crate::cache::CacheError;
use crate::inspect::InspectError;
use crate::qemu::{ConsoleError, MachineError};
use crate::rebuild::RebuildError;
use crate::release::{MinisignError, ReleaseError, SignError};
use crate::session::SessionError;
use codes::{CHECK, DEFINITIONS, DIFFERENT, INPUT, LOCK, OUTPUT};

/// The exit code of a comparison.
pub(super) fn of_difference(differs: bool) -> u8 {
    match differs {
        true => DIFFERENT,
        false => DONE,
    }
}

/// The exit code of `failure`.
pub(super) fn code(failure: &Failure) -> u8 {
    match failure {
        Failure::Diagnostics(_) | Failure::Folder(_) => DEFINITIONS,
        Failure::Usage(_) | Failure::UserFile { .. } | Failure::Environment(_) => USAGE,
        Failure::NoLock(_)
        | Failure::ReadLock { .. }
        | Failure::Lock { .. }
        | Failure::FoundLock { .. } => LOCK,
        Failure::Keyring { .. } => INPUT,
        Failure::Session(error) => session(error),
        Failure::BootTest(error) => boot_test(error),
        Failure::Cache(error) => match error {
            CacheError::Damaged { .. } => INPUT,
            CacheError::Store { .. } | CacheError::Kept { .. } => OUTPUT,
        },
        Failure::Inspect(error) => inspect(error),
        Failure::WriteLock { .. } | Failure::Print(_) => OUTPUT,
    }
}

fn session(error: &SessionError) -> u8 {
    match error {
        SessionError::ThirdParty(_) => DEFINITIONS,
        SessionError::NeedlessLoader(_)
        | SessionError::NoLoader { .. }
        | SessionError::UnconfiguredBootstrap
        | SessionError::NeedlessBaseKey => USAGE,
        SessionError::FoundLock(_) | SessionError::Stale(_) => LOCK,
        SessionError::NoMirror | SessionError::Client(_) | SessionError::Host => INPUT,
        SessionError::Base(error) => input::base(error),
        SessionError::Resolve(error) => input::resolve(error),
        SessionError::Build(error) => build::build(error),
        SessionError::Release(error) => release(error),
        SessionError::Rebuild(error) => rebuild(error),
        SessionError::Store { .. } | SessionError::Full { .. } | SessionError::Sink(_) => OUTPUT,
    }
}

fn release(error: &ReleaseError) -> u8 {
    match error {
        ReleaseError::GivenSecrets(_)
        | ReleaseError::Sign(SignError::NoKey { .. })
        | ReleaseError::Minisign(MinisignError::Read { .. } | MinisignError::NotAKey(_)) => USAGE,
        ReleaseError::FoundSecrets(_) => CHECK,
        ReleaseError::Sign(SignError::Missing | SignError::Start { .. })
        | ReleaseError::Minisign(MinisignError::Missing | MinisignError::Start { .. }) => INPUT,
        ReleaseError::NotEmpty(_)
        | ReleaseError::NotAFolder(_)
        | ReleaseError::NoParent(_)
        | ReleaseError::Make { .. }
        | ReleaseError::Write { .. }
        | ReleaseError::Sign(SignError::Refused { .. })
        | ReleaseError::Minisign(MinisignError::Refused(_)) => OUTPUT,
    }
}

fn rebuild(error: &RebuildError) -> u8 {
    match error {
        RebuildError::Definitions { .. } => DEFINITIONS,
        RebuildError::NoManifest(_)
        | RebuildError::Secrets(_)
        | RebuildError::BaseFile(_)
        | RebuildError::BaseName { .. }
        | RebuildError::Open { .. } => USAGE,
        RebuildError::NoLock(_) | RebuildError::OtherLock { .. } | RebuildError::Lock { .. } => {
            LOCK
        }
        RebuildError::Manifest { .. }
        | RebuildError::Form { .. }
        | RebuildError::Version { .. }
        | RebuildError::BuildId { .. }
        | RebuildError::File { .. } => INPUT,
        RebuildError::Read { .. }
        | RebuildError::Image { .. }
        | RebuildError::Statement(_)
        | RebuildError::Differs(_)
        | RebuildError::Sums(_) => CHECK,
    }
}

fn inspect(error: &InspectError) -> u8 {
    match error {
        InspectError::BadPath { .. }
        | InspectError::NoPartition { .. }
        | InspectError::NoRoot { .. }
        | InspectError::Missing { .. }
        | InspectError::NotAFile { .. } => USAGE,
        InspectError::File { .. }
        | InspectError::Packing { .. }
        | InspectError::Table { .. }
        | InspectError::Unreadable { .. }
        | InspectError::Content { .. }
        | InspectError::Faults(_)
        | InspectError::Beyond {
            source: Beyond::Len(_),
            ..
        } => INPUT,
        InspectError::Beyond {
            source: Beyond::Room(_),
            ..
        }
        | InspectError::Store(_)
        | InspectError::Write { .. } => OUTPUT,
    }
}

fn boot_test(error: &BootTestError) -> u8 {
    match error {
        BootTestError::Machine(MachineError::Firmware(_)) => USAGE,
        BootTestError::Missing { .. }
        | BootTestError::Disk(
            MachineDiskError::Read(_)
            | MachineDiskError::NeedsFile(_)
            | MachineDiskError::TooLong(_)
            | MachineDiskError::Convert(_)
            | MachineDiskError::Swells(_),
        )
        | BootTestError::Machine(MachineError::Open(_) | MachineError::Architecture(_))
        | BootTestError::Console(ConsoleError::Start { .. }) => INPUT,
        BootTestError::Prepare(_)
        | BootTestError::Disk(
            MachineDiskError::NoRoom | MachineDiskError::Overlay(_) | MachineDiskError::Start(_),
        )
        | BootTestError::Console(ConsoleError::Talk(_)) => OUTPUT,
        BootTestError::Console(ConsoleError::Interrupted) => INTERRUPT,
        BootTestError::Failed { .. }
        | BootTestError::Disk(MachineDiskError::Late(_))
        | BootTestError::Machine(_)
        | BootTestError::Console(_) => CHECK,
    }
}
