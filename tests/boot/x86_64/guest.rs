//! A PC with the image on its disk, and what must be true of each one that has just started.

use super::disk::{self, DISK};
use crate::machine::Machine;
use crate::support::run_folder;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The firmware that starts the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Firmware {
    Bios,
    Uefi,
    SecureBoot,
}

/// A longer time limit for the console of an emulated PC, as `imgbuild test` sets it.
const PATIENT: &str = "type=11,value=io.systemd.credential:\
     systemd.unit-dropin.dev-ttyS0.device=[Unit]\nJobRunningTimeoutSec=900\n";

/// The parts of a PC besides its disk.
pub(crate) struct Pc<'p> {
    pub(crate) firmware: Firmware,
    /// Options of QEMU's user network, which is closed otherwise.
    pub(crate) forwards: &'p [String],
    /// Another disk.
    pub(crate) lab: Option<&'p Path>,
}

/// A PC, its disk and its console.
pub(crate) struct Guest {
    pub(crate) machine: Machine,
    disk: PathBuf,
    qemu: Command,
}

/// How often a PC is started whose start fails because of the emulator.
const ATTEMPTS: usize = 3;

/// The number of guests so far: each has files of its own.
static GUESTS: AtomicUsize = AtomicUsize::new(0);

impl Guest {
    /// Puts `image` on a disk, as [`disk::write`] does, and starts the PC. `forwards` are options of QEMU's user
    /// network, which is closed otherwise.
    pub(crate) fn start(image: &Path, firmware: Firmware, forwards: &[String]) -> Self {
        let pc = Pc {
            firmware,
            forwards,
            lab: None,
        };
        Self::start_with(image, &pc, |_| ())
    }

    /// As [`Guest::start`], after `edit` has changed the disk.
    pub(crate) fn start_with(image: &Path, pc: &Pc<'_>, edit: impl Fn(&Path)) -> Self {
        let firmware = pc.firmware;
        let image_name = image.file_stem().expect("a name").to_string_lossy();
        let number = GUESTS.fetch_add(1, Ordering::Relaxed);
        let name = format!("{image_name}-{firmware:?}-{number}").to_lowercase();
        let disk = run_folder().join(format!("{name}.disk"));
        // If a test is killed, its PC ends too.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "qemu-system-x86_64"]);
        command.args([
            "-accel",
            "tcg,thread=multi",
            "-cpu",
            "max",
            "-smp",
            "2",
            "-m",
            "1024",
        ]);
        command.args([
            "-display",
            "none",
            "-serial",
            "stdio",
            "-monitor",
            "none",
            "-device",
            "virtio-rng-pci",
        ]);
        command.args(["-smbios", PATIENT]);
        let network = [&["user,id=net,restrict=on".to_owned()], pc.forwards]
            .concat()
            .join(",");
        command.args(["-netdev", &network, "-device", "virtio-net-pci,netdev=net"]);
        // Each firmware has its disk on another bus, because each bus needs another driver.
        let device = match firmware {
            Firmware::Bios => "virtio-blk-pci,drive=disk",
            Firmware::Uefi => "ide-hd,bus=ide.0,drive=disk",
            Firmware::SecureBoot => "nvme,serial=1,drive=disk",
        };
        let drive = format!(
            "if=none,id=disk,format={},cache=unsafe,file={}",
            disk::format(image),
            disk.display()
        );
        command.args(["-drive", &drive, "-device", device]);
        if let Some(lab) = pc.lab {
            let drive = format!("if=virtio,format=raw,readonly=on,file={}", lab.display());
            command.args(["-drive", &drive]);
        }
        command.args(firmware_arguments(firmware, &name));
        let mut start = || {
            disk::write(image, &disk);
            edit(&disk);
            Machine::start(&mut command, &disk.with_extension("log"))
        };
        let mut machine = start();
        for _ in 1..ATTEMPTS {
            if !machine.loses_its_timer() {
                break;
            }
            drop(machine);
            machine = start();
        }
        Self {
            machine,
            disk,
            qemu: command,
        }
    }

    /// Switches the PC off, and on again after `edit` has changed its disk.
    pub(crate) fn start_again(&mut self, edit: impl FnOnce(&Path)) {
        self.machine.switch_off();
        edit(&self.disk);
        self.machine = Machine::start(&mut self.qemu, &self.disk.with_extension("again.log"));
    }

    /// Switches the PC off, and gives its disk to `look`.
    pub(crate) fn leave(mut self, look: impl FnOnce(&Path)) {
        self.machine.switch_off();
        look(&self.disk);
    }

    /// Waits for the end of the start, and checks that nothing failed and that the root filesystem fills the
    /// disk.
    pub(crate) fn settle(&mut self) {
        let machine = &mut self.machine;
        // HAProxy's messages about servers that do not run yet go to every terminal.
        let quiet = "mkdir -p /run/systemd/journald.conf.d && \
                     printf '[Journal]\\nForwardToWall=no\\n' > /run/systemd/journald.conf.d/test.conf && \
                     systemctl restart systemd-journald";
        machine.succeed(quiet);
        // Other messages on the console come before the answer.
        let wait = "systemctl is-system-running --wait > /run/state; cat /run/state";
        let output = machine.run(wait).output;
        let state = output.lines().last().unwrap_or_default();
        let failed = machine.succeed("systemctl --failed --no-legend --plain");
        if state != "running" || !failed.is_empty() {
            let journal = machine
                .run("journalctl -b -p notice; networkctl status -a")
                .output;
            panic!("the system is {state}: {failed}\n{journal}");
        }
        let patience = "systemctl show --property JobRunningTimeoutUSec dev-ttyS0.device";
        let patience = machine.succeed(patience);
        assert_eq!(patience, "JobRunningTimeoutUSec=15min");
        machine.check_root_len(DISK, 90);
        let features = machine.succeed("dumpe2fs -h $(findmnt -no SOURCE /) 2>&1 | grep features:");
        assert!(
            features.contains("resize_inode") && !features.contains("meta_bg"),
            "{features}"
        );
        machine.succeed("mountpoint /boot/efi");
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // The disk of a failed test is kept.
        if !std::thread::panicking() {
            let _ = fs_err::remove_file(&self.disk);
        }
    }
}

fn firmware_arguments(firmware: Firmware, name: &str) -> Vec<String> {
    let (code, variables, machine) = match firmware {
        Firmware::Bios => return ["-machine", "q35"].map(str::to_owned).into(),
        Firmware::Uefi => ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd", "q35"),
        // These variables have the keys with which PCs are sold.
        Firmware::SecureBoot => (
            "OVMF_CODE_4M.secboot.fd",
            "OVMF_VARS_4M.ms.fd",
            "q35,smm=on",
        ),
    };
    let own = run_folder().join(format!("{name}.vars"));
    fs_err::copy(format!("/usr/share/OVMF/{variables}"), &own).unwrap();
    let flash = |unit, rest: &str| format!("if=pflash,unit={unit},format=raw,{rest}");
    let mut arguments = vec!["-machine".to_owned(), machine.to_owned()];
    if firmware == Firmware::SecureBoot {
        let secure = "driver=cfi.pflash01,property=secure,value=on";
        arguments.extend(["-global".to_owned(), secure.to_owned()]);
    }
    for drive in [
        flash(0, &format!("readonly=on,file=/usr/share/OVMF/{code}")),
        flash(1, &format!("file={}", own.display())),
    ] {
        arguments.extend(["-drive".to_owned(), drive]);
    }
    arguments
}
