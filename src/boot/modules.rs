//! Chooses the kernel modules that an initramfs needs to find its root filesystem on any board.
//!
//! Modules are chosen by folder, as initramfs-tools does with `MODULES=most`. The modules that these need
//! are added from the files that depmod wrote: `modules.dep` has the needed symbols, `modules.softdep` the
//! modules that are named.

use super::contents::{Contents, ContentsError, path};
use crate::tree::{Name, TreePath};
use std::collections::{BTreeMap, BTreeSet};

/// Folders and single modules below `kernel/` that are needed for a disk, a memory card, a USB stick or a
/// keyboard. A folder includes everything below it.
const WANTED: [&str; 67] = [
    // Filesystems, and the checksums of ext4.
    "fs/ext4/",
    "fs/jbd2/",
    "fs/mbcache",
    "fs/fat/",
    "fs/nls/nls_ascii",
    "fs/nls/nls_cp437",
    "fs/nls/nls_iso8859-1",
    "fs/nls/nls_utf8",
    "crypto/crc32c",
    "lib/crc",
    "lib/libcrc32c",
    // Disks, cards, virtual machines.
    "drivers/ata/",
    "drivers/block/virtio_blk",
    "drivers/block/xen-blkfront",
    "drivers/cdrom/",
    "drivers/hv/",
    "drivers/message/fusion/",
    "drivers/mmc/",
    "drivers/nvme/",
    "drivers/pci/",
    "drivers/scsi/",
    "drivers/ufs/",
    "drivers/virtio/",
    "drivers/xen/",
    // USB, for disks and for a keyboard at the emergency shell.
    "drivers/hid/hid-apple",
    "drivers/hid/hid-generic",
    "drivers/hid/hid-logitech",
    "drivers/hid/hid-microsoft",
    "drivers/hid/hid.",
    "drivers/hid/usbhid/",
    "drivers/input/keyboard/atkbd",
    "drivers/input/serio/",
    "drivers/usb/cdns3/",
    "drivers/usb/chipidea/",
    "drivers/usb/common/",
    "drivers/usb/core/",
    "drivers/usb/dwc2/",
    "drivers/usb/dwc3/",
    "drivers/usb/host/",
    "drivers/usb/isp1760/",
    "drivers/usb/misc/onboard",
    "drivers/usb/musb/",
    "drivers/usb/phy/",
    "drivers/usb/roles/",
    "drivers/usb/storage/",
    // The parts of a system on a chip that its card slot or USB depends on.
    "drivers/bus/",
    "drivers/clk/",
    "drivers/dma/",
    "drivers/extcon/",
    "drivers/firmware/",
    "drivers/gpio/",
    "drivers/i2c/busses/",
    "drivers/iommu/",
    "drivers/irqchip/",
    "drivers/mailbox/",
    "drivers/mfd/",
    "drivers/misc/rp1/",
    "drivers/nvmem/",
    "drivers/phy/",
    "drivers/pinctrl/",
    "drivers/pmdomain/",
    "drivers/pwm/",
    "drivers/regulator/",
    "drivers/reset/",
    "drivers/soc/amlogic/",
    "drivers/soc/rockchip/",
    "drivers/soc/samsung/",
];

/// Modules in these folders that no board needs: adapters for network storage of servers, and drivers for
/// chips that no board has. They would double the size of the initramfs.
const UNWANTED: [&str; 38] = [
    "drivers/scsi/aic94xx/",
    "drivers/scsi/be2iscsi/",
    "drivers/scsi/bfa/",
    "drivers/scsi/bnx2fc/",
    "drivers/scsi/bnx2i/",
    "drivers/scsi/csiostor/",
    "drivers/scsi/cxgbi/",
    "drivers/scsi/cxlflash/",
    "drivers/scsi/elx/",
    "drivers/scsi/fcoe/",
    "drivers/scsi/fnic/",
    "drivers/scsi/ibmvscsi",
    "drivers/scsi/libfc/",
    "drivers/scsi/lpfc/",
    "drivers/scsi/pcmcia/",
    "drivers/scsi/qedf/",
    "drivers/scsi/qedi/",
    "drivers/scsi/qla2xxx/",
    "drivers/scsi/scsi_debug",
    "drivers/scsi/scsi_transport_fc",
    "drivers/scsi/scsi_transport_iscsi",
    "drivers/scsi/smartpqi/",
    "drivers/scsi/snic/",
    "drivers/clk/mediatek/",
    "drivers/clk/qcom/",
    "drivers/phy/mediatek/",
    "drivers/phy/qualcomm/",
    "drivers/pinctrl/mediatek/",
    "drivers/pinctrl/qcom/",
    "drivers/pmdomain/qcom/",
    "drivers/ata/pata_",
    "drivers/nvme/host/nvme-fc",
    "drivers/nvme/host/nvme-rdma",
    "drivers/nvme/host/nvme-tcp",
    "drivers/nvme/target/",
    "drivers/xen/xen-scsiback",
    "drivers/hv/dxgkrnl/",
    "drivers/usb/host/sl811",
];

/// Why the modules of a kernel cannot be chosen.
#[derive(Debug, thiserror::Error)]
pub enum ModulesError {
    /// A file is missing or unreadable.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// depmod did not run, or the kernel has no modules.
    #[error("`{path}` lists no module that leads to a disk; run depmod for this kernel before")]
    NoModules {
        /// The list.
        path: TreePath,
    },
}

/// The modules of one kernel that go into an initramfs: paths in the tree, in byte order.
///
/// # Errors
///
/// A file of depmod is missing, or lists no module that is wanted.
pub fn choose(contents: Contents<'_>, kernel: &Name) -> Result<BTreeSet<TreePath>, ModulesError> {
    let folder = folder(kernel);
    let index = |name: &str| folder.join(&Name::constant(name));
    let (dep, alias) = (index("modules.dep"), index("modules.alias"));
    let (dep_text, alias_text) = (contents.text(&dep)?, contents.text(&alias)?);
    let modules = Modules::parse(&dep_text);
    let soft = soft_dependencies(&contents.text(&index("modules.softdep"))?);
    let aliases = exact_aliases(&alias_text);
    let all = modules.dependencies.keys().copied();
    let mut ahead: Vec<&str> = all.filter(|module| wanted(module)).collect();
    if ahead.is_empty() {
        return Err(ModulesError::NoModules { path: dep });
    }
    let mut chosen = BTreeSet::new();
    while let Some(module) = ahead.pop() {
        if !chosen.insert(module) {
            continue;
        }
        ahead.extend(modules.dependencies.get(module).into_iter().flatten());
        for word in soft.get(module_name(module).as_str()).into_iter().flatten() {
            let meant = aliases.get(word.as_str()).cloned().unwrap_or_default();
            let names = meant.into_iter().chain([word.as_str()]);
            ahead.extend(names.filter_map(|name| modules.by_name.get(&module_name(name)).copied()));
        }
    }
    let existing = chosen.into_iter().filter_map(|module| {
        let at = folder.append(&TreePath::parse(module.as_bytes()).ok()?);
        contents.file(&at).is_some().then_some(at)
    });
    Ok(existing.collect())
}

/// The index files that modprobe reads. It does not read their text forms.
pub const INDEXES: [&str; 8] = [
    "modules.alias.bin",
    "modules.builtin.alias.bin",
    "modules.builtin.bin",
    "modules.builtin.modinfo",
    "modules.dep.bin",
    "modules.devname",
    "modules.softdep",
    "modules.weakdep",
];

/// The folder of the modules of `kernel`.
pub fn folder(kernel: &Name) -> TreePath {
    path("/usr/lib/modules").join(kernel)
}

fn wanted(module: &str) -> bool {
    let Some(inside) = module.strip_prefix("kernel/") else {
        return false;
    };
    // Faster code for a checksum is in a folder of the architecture: `arch/x86/crypto/crc32c-intel`.
    let is_checksum = inside.starts_with("arch/") && inside.contains("/crc");
    let matches = |list: &[&str]| list.iter().any(|prefix| inside.starts_with(prefix));
    (matches(&WANTED) || is_checksum) && !matches(&UNWANTED)
}

/// `modules.dep`: each module and the modules that it needs, as paths relative to the folder.
struct Modules<'a> {
    dependencies: BTreeMap<&'a str, Vec<&'a str>>,
    by_name: BTreeMap<String, &'a str>,
}

impl<'a> Modules<'a> {
    fn parse(text: &'a str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        let dependencies: BTreeMap<_, _> = lines
            .map(|(module, needs)| (module, needs.split_whitespace().collect()))
            .collect();
        let by_name = dependencies
            .keys()
            .map(|module| (module_name(module), *module));
        Self {
            by_name: by_name.collect(),
            dependencies,
        }
    }
}

/// The modules that each module names: with `softdep ext4 pre: crypto-crc32c post: x`, ext4 names both.
fn soft_dependencies(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut wanted = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if words.next() != Some("softdep") {
            continue;
        }
        let Some(module) = words.next() else { continue };
        let names: &mut Vec<String> = wanted.entry(module_name(module)).or_default();
        names.extend(words.filter(|word| !word.ends_with(':')).map(str::to_owned));
    }
    wanted
}

/// The lines `alias NAME MODULE`, without those whose NAME is a pattern that matches hardware.
fn exact_aliases(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut aliases: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if let (Some("alias"), Some(alias), Some(module)) =
            (words.next(), words.next(), words.next())
            && !alias.contains(['*', '?', '['])
        {
            aliases.entry(alias).or_default().push(module);
        }
    }
    aliases
}

/// The kernel's name of a module file: without folder and suffix, and with `_` for `-`.
fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.split_once(".ko").map_or(file, |(stem, _)| stem);
    stem.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_decide_and_server_adapters_stay_out() {
        for (module, expected) in [
            ("kernel/fs/ext4/ext4.ko.xz", true),
            ("kernel/arch/x86/crypto/crc32c-intel.ko.xz", true),
            ("kernel/drivers/scsi/sd_mod.ko.xz", true),
            ("kernel/drivers/scsi/lpfc/lpfc.ko.xz", false),
            ("kernel/drivers/net/veth.ko.xz", false),
            ("updates/dkms/ext4.ko", false),
        ] {
            assert_eq!(wanted(module), expected, "{module}");
        }
    }

    #[test]
    fn a_soft_dependency_names_an_alias_or_a_module() {
        let soft = soft_dependencies("softdep ext4 pre: crypto-crc32c post: x-y\n# comment\n");
        assert_eq!(soft["ext4"], ["crypto-crc32c", "x-y"]);
        let aliases = exact_aliases("alias crypto-crc32c crc32c_intel\nalias pci:v*d* ahci\n");
        assert_eq!(aliases.len(), 1);
        assert_eq!(aliases["crypto-crc32c"], ["crc32c_intel"]);
    }

    #[test]
    fn module_names_are_spelt_as_the_kernel_does() {
        assert_eq!(module_name("kernel/x/crc32c-intel.ko.xz"), "crc32c_intel");
        assert_eq!(module_name("sdhci-iproc"), "sdhci_iproc");
    }
}
