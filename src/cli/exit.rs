//! Exit codes, which tell another program why a command failed.
//!
//! Every match names every variant, so that the compiler demands a code for a new error.

use super::failure::Failure;
use crate::apt::repository::RepositoryError;
use crate::base::sparse::Beyond;
use crate::base::{AptError, BaseError, OpenError, SourceError};
use crate::boot_test::{BootTestError, MachineDiskError};
use crate::cache::CacheError;
use crate::compose::ComposeError;
use crate::compose::device::DeviceError;
use crate::compose::layer::LayerError;
use crate::compose::named::NameError;
use crate::compose::overlays::OverlayError;
use crate::compose::units::UnitError;
use crate::configure::ConfigureError;
use crate::dpkg::unpack::UnpackError;
use crate::fetch::FetchError;
use crate::inspect::InspectError;
use crate::inventory::InventoryError;
use crate::pipeline::{BuildError, DiskError, FetchStageError, ForeignError, SystemError};
use crate::qemu::{ConsoleError, MachineError};
use crate::rebuild::RebuildError;
use crate::release::{MinisignError, ReleaseError, SignError};
use crate::resolve::ResolveError;
use crate::sandbox::SandboxError;
use crate::session::SessionError;
use crate::verify::{RulesError, VerifyError};
use std::io;

/// The command did what it should, and what was compared is equal.
pub(super) const DONE: u8 = 0;
/// What was compared differs. As with diff(1), every greater code means that it was not compared as a whole.
const DIFFERENT: u8 = 1;
/// A definition or setting is wrong.
const DEFINITIONS: u8 = 1;
/// The command line is wrong.
pub(super) const USAGE: u8 = 2;
/// The lock is missing or stale.
const LOCK: u8 = 3;
/// An input is unavailable or not genuine, or this machine cannot process it.
const INPUT: u8 = 4;
/// The output or the store cannot be written.
const OUTPUT: u8 = 5;
/// The image failed a check.
const CHECK: u8 = 6;
/// imgbuild has a bug: EX_SOFTWARE of sysexits.h.
pub(super) const BUG: u8 = 70;
/// The user pressed Ctrl-C. As in shells, this is 128 plus the number of the signal.
pub(super) const INTERRUPT: u8 = 130;

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
        SessionError::Base(error) => base(error),
        SessionError::Resolve(error) => resolve(error),
        SessionError::Build(error) => build(error),
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

fn resolve(error: &ResolveError) -> u8 {
    match error {
        ResolveError::Request(_) | ResolveError::Solve(_) | ResolveError::NoFilePackage { .. } => {
            DEFINITIONS
        }
        ResolveError::Repository(error) => repository(error),
        ResolveError::Index(_) => INPUT,
        ResolveError::Lock(_) | ResolveError::Store(_) => OUTPUT,
    }
}

fn base(error: &BaseError) -> u8 {
    match error {
        BaseError::Source(error) => match error {
            SourceError::Address(_) | SourceError::NoProof { .. } | SourceError::NoKey { .. } => {
                USAGE
            }
            SourceError::Fetch { source, .. } => fetch(source),
            SourceError::File { .. }
            | SourceError::Digest { .. }
            | SourceError::Key { .. }
            | SourceError::Signature { .. }
            | SourceError::NotListed { .. }
            | SourceError::Packing { .. }
            | SourceError::Beyond {
                source: Beyond::Len(_),
                ..
            } => INPUT,
            SourceError::Beyond {
                source: Beyond::Room(_),
                ..
            }
            | SourceError::Store(_) => OUTPUT,
        },
        BaseError::Open(error) => match error {
            OpenError::Read(_) => OUTPUT,
            OpenError::Table(_)
            | OpenError::Bare { .. }
            | OpenError::NoRoot { .. }
            | OpenError::Foreign { .. }
            | OpenError::TwoRoots { .. }
            | OpenError::Ext4 { .. }
            | OpenError::Fat { .. }
            | OpenError::Mount { .. }
            | OpenError::Architecture { .. }
            | OpenError::File { .. }
            | OpenError::NoApt(_) => INPUT,
        },
        BaseError::Apt(
            AptError::Read { .. }
            | AptError::Preferences { .. }
            | AptError::NoArchive
            | AptError::Sources { .. }
            | AptError::Address { .. }
            | AptError::Flat { .. }
            | AptError::Keys { .. },
        ) => INPUT,
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

fn repository(error: &RepositoryError) -> u8 {
    match error {
        RepositoryError::Fetch(_, source) => fetch(source),
        RepositoryError::MidSync { source, .. } => fetch(source),
        RepositoryError::Address { .. }
        | RepositoryError::Release { .. }
        | RepositoryError::Suite { .. }
        | RepositoryError::FromTheFuture { .. }
        | RepositoryError::Expired { .. }
        | RepositoryError::Replayed { .. }
        | RepositoryError::NoIndex { .. }
        | RepositoryError::Compression { .. } => INPUT,
        RepositoryError::Store(_) => OUTPUT,
    }
}

fn fetch(error: &FetchError) -> u8 {
    match error {
        // A `file:` address may name a file that does not exist. The other errors of files concern the store.
        FetchError::File(error) if error.kind() != io::ErrorKind::NotFound => OUTPUT,
        FetchError::File(_)
        | FetchError::Setup(_)
        | FetchError::Proxy { .. }
        | FetchError::TooSlow { .. }
        | FetchError::Offline { .. }
        | FetchError::NoAddress { .. }
        | FetchError::Status { .. }
        | FetchError::Transfer { .. }
        | FetchError::CutOff { .. }
        | FetchError::TooLarge { .. }
        | FetchError::Size { .. }
        | FetchError::Digest { .. } => INPUT,
    }
}

fn build(error: &BuildError) -> u8 {
    match error {
        BuildError::Fetch(error) => stage(error),
        BuildError::System(error) => system(error),
        BuildError::Compose(error) => compose(error),
        BuildError::Verify(error) => verify(error),
        BuildError::Disk(error) => disk(error),
        BuildError::Inventory(InventoryError::Status(_)) => INPUT,
        BuildError::Inventory(InventoryError::Store(_)) => OUTPUT,
    }
}

fn stage(error: &FetchStageError) -> u8 {
    match error {
        FetchStageError::NoRepository { .. } | FetchStageError::NotLocked { .. } => LOCK,
        FetchStageError::Repository(error) => repository(error),
        FetchStageError::Fetch(error) => fetch(error),
        FetchStageError::Blob { source, .. } => fetch(source),
        FetchStageError::Address(_) => DEFINITIONS,
        FetchStageError::NoSpace { .. } => OUTPUT,
    }
}

fn system(error: &SystemError) -> u8 {
    match error {
        SystemError::Fetch(error) => stage(error),
        SystemError::Unpack(UnpackError::Store { .. }) => OUTPUT,
        SystemError::Unpack(_) | SystemError::UnknownHost | SystemError::Regulatory(_) => INPUT,
        SystemError::Configure(error) => configure(error),
        SystemError::Name(error) => name(error),
        SystemError::Upgrades { .. } => DEFINITIONS,
        SystemError::Database(_) | SystemError::Tree(_) => INPUT,
        SystemError::Dump(_) | SystemError::Store(_) => OUTPUT,
    }
}

fn compose(error: &ComposeError) -> u8 {
    match error {
        ComposeError::Layer(error)
        | ComposeError::Overlay {
            source: OverlayError::Layer(error),
            ..
        }
        | ComposeError::Device(DeviceError::Layer(error))
        | ComposeError::Unit(UnitError::Layer(error)) => layer(error),
        ComposeError::Name(error) => name(error),
        ComposeError::Overlay {
            source: OverlayError::Template(_) | OverlayError::NoSuchOwner { .. },
            ..
        }
        | ComposeError::Device(DeviceError::Template(_) | DeviceError::NotText(_))
        | ComposeError::Unit(UnitError::Missing(_) | UnitError::NotInstallable(_)) => DEFINITIONS,
    }
}

fn name(error: &NameError) -> u8 {
    match error {
        NameError::Misnamed(_) => DEFINITIONS,
        NameError::Layer(error) => layer(error),
    }
}

/// A file that is in the tree before composing comes from a package or a base.
fn layer(error: &LayerError) -> u8 {
    match error {
        LayerError::Path(_) | LayerError::Tree(_) => DEFINITIONS,
        LayerError::Read { .. } | LayerError::NotText { .. } => INPUT,
    }
}

fn verify(error: &VerifyError) -> u8 {
    match error {
        VerifyError::Refused(_) | VerifyError::Rules(RulesError::Line { .. }) => DEFINITIONS,
        VerifyError::Configure(error) => configure(error),
        VerifyError::Rules(RulesError::Store(_)) | VerifyError::Store(_) => OUTPUT,
    }
}

fn boot_test(error: &BootTestError) -> u8 {
    match error {
        BootTestError::Machine(MachineError::Firmware(_)) => USAGE,
        BootTestError::Missing { .. }
        | BootTestError::Disk(
            MachineDiskError::Read(_)
            | MachineDiskError::NeedsFile(_)
            | MachineDiskError::Convert(_),
        )
        | BootTestError::Machine(MachineError::Open(_) | MachineError::Architecture(_))
        | BootTestError::Console(ConsoleError::Start { .. }) => INPUT,
        BootTestError::Prepare(_)
        | BootTestError::Disk(MachineDiskError::Overlay(_) | MachineDiskError::Start(_))
        | BootTestError::Console(ConsoleError::Talk(_)) => OUTPUT,
        BootTestError::Console(ConsoleError::Interrupted) => INTERRUPT,
        BootTestError::Failed { .. } | BootTestError::Machine(_) | BootTestError::Console(_) => {
            CHECK
        }
    }
}

fn configure(error: &ConfigureError) -> u8 {
    match error {
        ConfigureError::Sandbox(error) => sandbox(error),
        ConfigureError::Archive { .. }
        | ConfigureError::OtherArchive { .. }
        | ConfigureError::Tree(_)
        | ConfigureError::Status(_)
        | ConfigureError::Unconfigured { .. } => INPUT,
        ConfigureError::WrongMachine { .. } => CHECK,
        ConfigureError::Store(_) => OUTPUT,
    }
}

fn sandbox(error: &SandboxError) -> u8 {
    match error {
        SandboxError::NoNamespace { .. }
        | SandboxError::Host { .. }
        | SandboxError::Emulation { .. }
        | SandboxError::Setup { .. }
        | SandboxError::Script { .. }
        | SandboxError::Lost { .. } => INPUT,
        SandboxError::Store(_) => OUTPUT,
        SandboxError::Result(_) => BUG,
    }
}

fn disk(error: &DiskError) -> u8 {
    match error {
        DiskError::Contents(_)
        | DiskError::Initramfs(_)
        | DiskError::Core(_)
        | DiskError::CommandLine(_)
        | DiskError::Menu(_)
        | DiskError::NoKernel(_)
        | DiskError::Tree(_)
        | DiskError::Firmware(_)
        | DiskError::NoFirmwarePartition
        | DiskError::UnplacedBlob(_)
        | DiskError::PatchOutside { .. }
        | DiskError::LargerThanBoard { .. }
        | DiskError::Reference { .. }
        | DiskError::NeedsLength(_)
        | DiskError::TooLarge(_)
        | DiskError::Ext4 { .. }
        | DiskError::Fat { .. }
        | DiskError::Layout(_) => DEFINITIONS,
        DiskError::ShortBase { .. } | DiskError::EmptyBase { .. } => INPUT,
        DiskError::Foreign(error) => foreign(error),
        DiskError::WrongMachine { .. } | DiskError::FirmwareFault(_) => CHECK,
        DiskError::NoBase(_) | DiskError::Image(_) | DiskError::Assemble(_) => BUG,
        DiskError::Store(_) => OUTPUT,
    }
}

fn foreign(error: &ForeignError) -> u8 {
    match error {
        ForeignError::Deb(_) | ForeignError::Tar(_) | ForeignError::TooLarge { .. } => INPUT,
        ForeignError::Missing(_) => DEFINITIONS,
        ForeignError::Store(_) => OUTPUT,
    }
}
