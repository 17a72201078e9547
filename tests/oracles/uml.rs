//! User Mode Linux: Linux as a program. With it, any user can let a kernel read a filesystem.
//!
//! A guest boots in about a second. Its root filesystem is the host's, read-only and with the
//! rights of the user who runs the tests, so the host's programs and this test program can run in
//! it. Images become its disks. It needs neither root, loop devices, KVM nor a network, and any
//! number of guests can run at once.

#![expect(clippy::unwrap_used, reason = "a judge panics with what it saw")]

use crate::support::judge;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use tempfile::TempDir;

/// The most disks that the kernel's driver supports.
pub(crate) const MOST_DISKS: usize = 16;

/// The kernel as a program: one that knows the registers of every processor (ci/setup).
const LINUX: &str = "/usr/local/lib/imgbuild-oracles/linux.uml";

/// The time limit in seconds, which is more than any guest takes even on a very busy machine.
const PATIENCE: &str = "900";

/// How often a guest is started whose script does not begin. Such a guest has said nothing about
/// its disks and has not changed them. This is rare, and was only seen on a machine short of
/// everything.
const ATTEMPTS: usize = 3;

/// An image as a disk of the guest.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Disk<'a> {
    /// The kernel refuses to write to it.
    ReadOnly(&'a Path),
    Writable(&'a Path),
}

/// The result of a guest.
#[derive(Debug)]
pub(crate) struct Left {
    folder: TempDir,
}

impl Left {
    /// The output of the script.
    pub(crate) fn printed(&self) -> String {
        String::from_utf8_lossy(&self.file("printed")).into_owned()
    }

    /// The messages of the guest's kernel.
    pub(crate) fn console(&self) -> String {
        String::from_utf8_lossy(&self.file("console")).into_owned()
    }

    /// Whether the script was started.
    fn has_begun(&self) -> bool {
        self.folder.path().join("printed").exists()
    }

    /// The file `name` that the script wrote into its working folder.
    pub(crate) fn file(&self, name: &str) -> Vec<u8> {
        fs_err::read(self.folder.path().join(name)).unwrap()
    }
}

/// Runs the shell script `script` as root of a guest with `disks`, which are `/dev/ubda`,
/// `/dev/ubdb` and so on there. Panics with all output of the guest unless the script ends with 0.
///
/// - The working folder is a new one of the host's, for mount points and results.
/// - `itself TEST` runs an ignored test of this program: Rust inside the guest.
/// - The guest is switched off without unmounting: a filesystem that the script leaves mounted
///   looks as after a power cut. The script itself must call `sync` and `umount`.
pub(crate) fn run(script: &str, disks: &[Disk]) -> Left {
    assert!(disks.len() <= MOST_DISKS, "{} disks", disks.len());
    let mut attempts = 1;
    let (mut status, mut left) = boot(script, disks);
    while attempts < ATTEMPTS && !left.has_begun() && status.code() != Some(TIMED_OUT) {
        attempts += 1;
        (status, left) = boot(script, disks);
    }
    // The exit status of the kernel says nothing about the script; the script's own status counts.
    let ended = fs_err::read_to_string(left.folder.path().join("status")).unwrap_or_default();
    assert!(
        ended == "0\n",
        "the guest ended with {status} at attempt {attempts} ({TIMED_OUT} is more than {PATIENCE} \
         seconds), its script with {ended:?}\n{}\n{}",
        left.console(),
        fs_err::read_to_string(left.folder.path().join("printed")).unwrap_or_default(),
    );
    left
}

/// The exit status of `timeout` when it had to end its program.
const TIMED_OUT: i32 = 124;

/// Starts a guest and waits for its end.
fn boot(script: &str, disks: &[Disk]) -> (ExitStatus, Left) {
    let folder = TempDir::with_prefix("uml-").unwrap();
    let at = folder.path();
    fs_err::write(at.join("script"), script).unwrap();
    fs_err::write(at.join("init"), init(at)).unwrap();
    fs_err::set_permissions(at.join("init"), Permissions::from_mode(0o755)).unwrap();
    let console = fs_err::File::create(at.join("console")).unwrap();
    // When the guest is asked to end, because it takes too long or this program is killed, it ends
    // its own processes.
    let mut linux = Command::new("setpriv");
    linux
        .args(["--pdeathsig", "TERM"])
        .args(["timeout", "--kill-after=9", PATIENCE, LINUX])
        .args(arguments(at, disks))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        // This folder holds the guest's memory, which is a deleted file; /dev/shm is too small in a
        // container.
        .env("TMPDIR", at)
        .stdin(Stdio::null())
        .stdout(console.file().try_clone().unwrap())
        .stderr(console.file().try_clone().unwrap());
    let status = linux.status().unwrap_or_else(|error| {
        panic!("cannot run {linux:?}: {error}; install what ci/setup lists")
    });
    (status, Left { folder })
}

/// The command line of the kernel.
fn arguments(folder: &Path, disks: &[Disk]) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "mem=512M",
        "root=/dev/root",
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
        "con=null",
        "con0=null,fd:1",
        "ssl=null",
        // Half of the boot time would be spent on measurements that only RAID and Btrfs need.
        "initcall_blacklist=raid6_select_algo,calibrate_xor_blocks,register_xor_blocks,init_btrfs_fs",
        "umid=guest",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.push(format!("uml_dir={}/", plain(folder)));
    arguments.push(format!("init={}/init", plain(folder)));
    for (index, disk) in disks.iter().enumerate() {
        // With `d` the file is the disk, whatever its content looks like.
        arguments.push(match disk {
            Disk::ReadOnly(path) => format!("ubd{index}rd={}", plain(path)),
            Disk::Writable(path) => format!("ubd{index}d={}", plain(path)),
        });
    }
    arguments
}

/// A path that needs no quoting in the kernel's command line and in the shell.
fn plain(path: &Path) -> String {
    let path = fs_err::canonicalize(path).unwrap();
    let text = path.to_str().unwrap();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    assert!(
        text.chars().all(is_plain),
        "{text} cannot be given to a guest"
    );
    text.to_owned()
}

/// The guest's first process.
fn init(folder: &Path) -> String {
    let itself = plain(&std::env::current_exe().unwrap());
    let folder = plain(folder);
    format!(
        "#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C TZ=UTC
mount -n -t proc proc /proc
mount -t hostfs -o {folder} none {folder}
cd {folder}
itself() {{ TMPDIR={folder} {itself} --ignored --exact --nocapture --test-threads=1 \"$1\"; }}
(set -eu; . ./script) > printed 2>&1
echo $? > status
exec /bin/busybox poweroff -n -f
"
    )
}

#[test]
fn a_script_gives_back_what_it_printed_and_wrote() {
    let left = run(
        "id -u; ls -l /dev/ubda > listed",
        &[Disk::ReadOnly(Path::new("Cargo.toml"))],
    );
    assert_eq!(left.printed(), "0\n");
    assert!(left.file("listed").starts_with(b"brw"));
    assert!(left.console().contains("Linux version"));
}

#[test]
#[should_panic(expected = "its script with \"1\\n\"")]
fn a_script_that_fails_is_a_panic() {
    run("false; true", &[]);
}

#[test]
fn what_a_script_leaves_mounted_looks_as_after_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("ext4");
    judge(
        Command::new("mke2fs")
            .args(["-q", "-t", "ext4"])
            .arg(&image)
            .arg("32M"),
    );
    let script = "mkdir at; mount /dev/ubda at; echo hello > at/file; sync";
    run(script, &[Disk::Writable(&image)]);
    let header = judge(Command::new("dumpe2fs").arg("-h").arg(&image));
    assert!(String::from_utf8_lossy(&header.stdout).contains("needs_recovery"));
    let script = "mkdir at; mount -o ro /dev/ubda at; cat at/file; umount at";
    assert_eq!(run(script, &[Disk::Writable(&image)]).printed(), "hello\n");
}
