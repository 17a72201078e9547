//! The names of values on the command line.

use crate::qemu::Firmware;
use crate::sink::Format;
use clap::ValueEnum;
use clap::builder::PossibleValue;

/// The names of firmwares on the command line.
impl ValueEnum for Firmware {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Bios, Self::Uefi]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Bios => PossibleValue::new("bios").help("The BIOS of old PCs"),
            Self::Uefi => PossibleValue::new("uefi").help("UEFI, by OVMF"),
        })
    }
}

/// The names of formats on the command line.
impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Raw => "The image as it goes to the disk",
            Self::Xz => "Compressed with xz",
            Self::Zstd => "Compressed with zstd",
            Self::Qcow2 => "A disk of virtual machines",
        };
        Some(PossibleValue::new(self.ending()).help(help))
    }
}
