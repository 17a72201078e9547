//! The exit codes of errors of building an image.

use super::codes::{BUG, CHECK, DEFINITIONS, INPUT, LOCK, OUTPUT};
use super::input;
use crate::compose::ComposeError;
use crate::compose::device::DeviceError;
use crate::compose::layer::LayerError;
use crate::compose::named::NameError;
use crate::compose::overlays::OverlayError;
use crate::compose::units::UnitError;
use crate::configure::ConfigureError;
use crate::dpkg::unpack::UnpackError;
use crate::inventory::InventoryError;
use crate::pipeline::{BuildError, DiskError, FetchStageError, ForeignError, SystemError};
use crate::sandbox::SandboxError;
use crate::verify::{RulesError, VerifyError};

pub(super) fn build(error: &BuildError) -> u8 {
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
        FetchStageError::Repository(error) => input::repository(error),
        FetchStageError::Fetch(error) => input::fetch(error),
        FetchStageError::Blob { source, .. } => input::fetch(source),
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
