//! Runs programs of a foreign architecture: by qemu, which is registered in binfmt_misc of the
//! sandbox's own user namespace. Native builds take the place of the programs on which scripts
//! spend their time.

use super::error::{Area, Doing, Failure};
use super::job::{Emulation, Scratch};
use super::materialize::{self, below};
use super::mounts::Mounts;
use super::owners::Owners;
use crate::architecture::Architecture;
use crate::tree::{Objects, Tree, TreePath};
use rustix::fs::{Mode, OFlags};
use rustix::mount::MountFlags;
use std::os::fd::OwnedFd;

/// Resources that must stay open while programs of the target run.
pub(super) struct Registration {
    /// The mount of binfmt_misc. Its rules end with the last use of that filesystem, and the mount
    /// itself is left behind with all others of the host.
    _rules: Option<OwnedFd>,
}

/// Makes the native `tools` visible in the target `tree` and registers qemu.
pub(super) fn prepare(
    emulation: &Emulation,
    [tools, tree]: [&Tree; 2],
    mounts: &mut Mounts,
    objects: &dyn Objects,
) -> Result<Registration, Failure> {
    let scratch = Scratch::here();
    let native = scratch.native();
    fs_err::create_dir(&native).doing(|| "make a folder for the tools".to_owned())?;
    // The owners of the tools do not matter.
    materialize::materialize(tools, &native, objects, &mut Owners::default())?;
    let Emulation {
        overlaid,
        folders,
        files,
        ..
    } = emulation;
    for path in folders.iter().chain(files).chain(overlaid) {
        let parsed = TreePath::parse(path.as_bytes()).ok();
        let real = |tree: &Tree| parsed.as_ref().and_then(|path| tree.real_path(path));
        let (Some(source), Some(target)) = (real(tools), real(tree)) else {
            continue;
        };
        mounts.bind(
            &below(&native, &source),
            &below(&scratch.root(), &target),
            &target,
        )?;
    }
    let rules = match &emulation.interpreter {
        Some(interpreter) => register(emulation.target, interpreter, &scratch)?,
        None => None,
    };
    Ok(Registration { _rules: rules })
}

/// Registers qemu for the namespace's own binfmt_misc (Linux 6.7). The kernel opens the
/// interpreter now (flag F), so that it need not be visible in the tree.
fn register(
    target: Architecture,
    interpreter: &str,
    scratch: &Scratch,
) -> Result<Option<OwnedFd>, Failure> {
    let refused = |failure: Failure| failure.about(Area::Emulation);
    let at = scratch.path().join("binfmt");
    fs_err::create_dir(&at).doing(|| "make a folder".to_owned())?;
    let mounted = rustix::mount::mount("binfmt_misc", &at, "binfmt_misc", MountFlags::empty(), c"");
    if mounted.is_err() && host_runs(target) {
        return Ok(None);
    }
    mounted
        .doing(|| "mount binfmt_misc".to_owned())
        .map_err(refused)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = |path: &std::path::Path| rustix::fs::open(path, flags, Mode::empty());
    let rules = open(&at).doing(|| "hold binfmt_misc".to_owned())?;
    let (magic, mask) = elf_magic(target);
    let name = target.qemu();
    let rule = format!(":qemu-{name}:M:0:{magic}:{mask}:{interpreter}:FP");
    // The kernel takes at most 255 bytes of path, so a relative path is given and opened from here.
    let back = open(scratch.path()).doing(|| "hold the scratch folder".to_owned())?;
    rustix::process::chdir(scratch.native()).doing(|| "enter the tools".to_owned())?;
    let register = rustix::fs::openat(
        &rules,
        "register",
        OFlags::WRONLY | OFlags::CLOEXEC,
        Mode::empty(),
    );
    register
        .and_then(|register| rustix::io::write(&register, rule.as_bytes()))
        .doing(|| format!("register `{interpreter}`"))
        .map_err(refused)?;
    rustix::process::fchdir(back).doing(|| "leave the tools".to_owned())?;
    Ok(Some(rules))
}

/// Whether the host itself runs programs of `target` wherever they are: whether its administrator
/// has made a registration with flag F.
pub(crate) fn host_runs(target: Architecture) -> bool {
    let rule = format!("/proc/sys/fs/binfmt_misc/qemu-{}", target.qemu());
    fs_err::read_to_string(rule).is_ok_and(|rule| {
        let flags = rule.lines().find_map(|line| line.strip_prefix("flags: "));
        rule.starts_with("enabled") && flags.is_some_and(|flags| flags.contains('F'))
    })
}

/// Magic and mask of 64- or 32-bit little-endian executables and shared objects of `target`, as
/// escapes. In the ELF header (System V ABI), the OS ABI and the low bit of `e_type` may have any
/// value.
fn elf_magic(target: Architecture) -> (String, String) {
    let class = match target {
        Architecture::Armhf => 1,
        Architecture::Amd64 | Architecture::Arm64 => 2,
    };
    let machine = target.elf_machine().to_le_bytes();
    let mut magic = vec![0x7f, b'E', b'L', b'F', class, 1, 1];
    magic.resize(16, 0);
    magic.extend([2, 0, machine[0], machine[1]]);
    let mut mask = vec![0xff; 20];
    mask[7] = 0;
    mask[16] = 0xfe;
    let escape = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    (escape(&magic), escape(&mask))
}
