//! Files that are given as a base image but are not one, or that change while they are read.

use crate::bases;
use crate::command;
use crate::fixture::{Finished, Fixture, run};
use imgbuild::digest::Sha256;
use rustix::fs::inotify;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

fn inject(fixture: &Fixture, base: &Path) -> Finished {
    run(&mut bases::inject(fixture, base))
}

/// A fixture whose profiles can be built on a base image, without such an image.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    bases::write_adder(&fixture);
    fixture
}

#[test]
fn what_is_no_regular_file_is_refused_without_waiting() {
    let fixture = fixture();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    command::run(Command::new("mkfifo").arg(at("pipe")));
    let _socket = UnixListener::bind(at("socket")).unwrap();
    fs_err::create_dir(at("folder")).unwrap();
    for (path, words) in [
        (Path::new("/dev/zero"), "a character device"),
        (&at("pipe"), "a pipe"),
        (&at("socket"), "a socket"),
        (&at("folder"), "a folder"),
    ] {
        inject(&fixture, path)
            .ended(4)
            .says(&["cannot read base image", words]);
    }
    let mut command = bases::inject(&fixture, Path::new("/dev/stdin"));
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The pipe is held open, so that its reader would wait for ever.
    let writer = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(writer);
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).contains("a pipe"));
    assert_eq!(fixture.outputs(), [""; 0]);
}

#[test]
fn a_filesystem_without_a_disk_is_called_one() {
    let fixture = fixture();
    let bare = fixture.path("bare.img");
    command::resize(&bare, 8 << 20);
    bases::output("mkfs.ext4", &["-q", "-F", bare.to_str().unwrap()]);
    inject(&fixture, &bare)
        .ended(4)
        .says(&["it is the ext4 of a single partition", "not /dev/sda1"]);
    command::run(Command::new("gzip").arg("-kf").arg(&bare));
    inject(&fixture, &fixture.path("bare.img.gz"))
        .ended(4)
        .says(&["no partition table, it is ext4", "not /dev/sda1"]);
}

#[test]
fn a_file_whose_damaged_inode_gives_it_an_absurd_length_is_named() {
    let (fixture, base) = bases::fixture();
    let good = fs_err::read(&base).unwrap();
    for path in [
        "/etc/fstab",
        "/var/lib/dpkg/status",
        "/etc/apt/sources.list.d/debian.sources",
        "/etc/passwd",
        "/etc/group",
    ] {
        fs_err::write(&base, &good).unwrap();
        bases::edit(&base, &format!("set_inode_field {path} size 99999999999\n"));
        inject(&fixture, &base).ended(4).says(&[
            &format!("cannot read `{path}` of the "),
            "a file of 99999999999 bytes",
        ]);
    }
}

/// Scripts that write 1100 MiB of zeros, packed, to `$1`.
const BOMBS: [&str; 5] = [
    "head -c 1100M /dev/zero | zstd -q > \"$1\"",
    "head -c 1100M /dev/zero | gzip > \"$1\"",
    "head -c 1100M /dev/zero | xz -0 > \"$1\"",
    // This packer is slow, so one packed file is repeated; files that follow each other unpack to
    // one file.
    "head -c 50M /dev/zero | bzip2 > \"$1.part\"; for part in $(seq 22); do cat \"$1.part\"; done > \"$1\"",
    "head -c 1100M /dev/zero > \"$1.img\" && cd \"$(dirname \"$1\")\" && rm \"$1\" && python3 -m zipfile -c \"$1\" \"$1.img\"",
];

#[test]
fn a_bomb_is_refused_in_seconds_by_every_packing() {
    let fixture = fixture();
    for script in BOMBS {
        let path = fixture.path("bomb");
        fs_err::write(&path, "").unwrap();
        command::run(Command::new("sh").args(["-ec", script, "sh"]).arg(&path));
        inject(&fixture, &path)
            .ended(4)
            .says(&["unpacks to more than ", "unpack it and give the disk"]);
    }
    assert_eq!(fixture.scratch(), [""; 0]);
}

/// A few bytes whose headers ask for more memory than a machine must have.
#[test]
fn packed_data_that_needs_too_much_memory_is_refused() {
    let fixture = fixture();
    for (script, words) in [
        ("printf x | xz -0 --lzma2=dict=1536MiB > \"$1\"", "memory"),
        (
            "head -c 200M /dev/zero | zstd -q --ultra --long=31 -1 > \"$1\"",
            "memory",
        ),
    ] {
        let path = fixture.path("greedy");
        command::run(Command::new("sh").args(["-ec", script, "sh"]).arg(&path));
        inject(&fixture, &path).ended(4).says(&["greedy", words]);
    }
    assert_eq!(fixture.scratch(), [""; 0]);
}

/// The moment at which the program uses the file of the base, with a count.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Opened(usize),
    Closed(usize),
}

/// Makes the kernel report what happens to the file at `base`.
fn watch(base: &Path) -> OwnedFd {
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC).unwrap();
    let events = inotify::WatchFlags::OPEN | inotify::WatchFlags::CLOSE_NOWRITE;
    inotify::add_watch(&watch, base, events).unwrap();
    watch
}

/// Waits until `watch` reports `moment`.
fn wait_for(watch: &OwnedFd, moment: Moment) {
    let (kind, mut left) = match moment {
        Moment::Opened(n) => (inotify::ReadFlags::OPEN, n),
        Moment::Closed(n) => (inotify::ReadFlags::CLOSE_NOWRITE, n),
    };
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(watch, &mut buffer);
    while left > 0 {
        left -= usize::from(events.next().unwrap().events().contains(kind));
    }
}

/// Replaces the content of `base` by `bytes`. If it was just opened, it is replaced by another
/// file, because the program goes on with the opened one. If it was closed and may be opened again,
/// the same file is changed, at the byte `at` alone.
fn exchange(moment: Moment, base: &Path, bytes: &[u8], at: usize) {
    match moment {
        Moment::Opened(_) => {
            let other = base.with_extension("other");
            fs_err::write(&other, bytes).unwrap();
            fs_err::rename(&other, base).unwrap();
        }
        Moment::Closed(_) => {
            let file = fs_err::OpenOptions::new().write(true).open(base).unwrap();
            let offset = u64::try_from(at).unwrap();
            file.file().write_all_at(&bytes[at..=at], offset).unwrap();
        }
    }
}

#[test]
fn a_base_that_is_exchanged_while_it_is_read_is_never_taken_for_the_other() {
    let (fixture, base) = bases::fixture();
    let good = fs_err::read(&base).unwrap();
    let digest = Sha256::of(&good).to_string();
    let mut bad = good.clone();
    // This is the content of a file, which no checksum covers: the other image can be built on,
    // too.
    let at = good.windows(7).rposition(|bytes| bytes == b"hello\n\0");
    let at = at.expect("/etc/greeting stands in the root filesystem");
    bad[at] = b'j';
    let pinned = || {
        let mut command = bases::inject(&fixture, &base);
        command.args(["--base-sha256", &digest]);
        command
    };
    run(&mut pinned()).succeeded();
    let right = fs_err::read(fixture.image()).unwrap();
    fs_err::write(&base, &bad).unwrap();
    inject(&fixture, &base).succeeded();
    let wrong = fs_err::read(fixture.image()).unwrap();
    assert!(wrong != right, "one can be told from the other");
    let moments = (1..=3).flat_map(|n| [Moment::Opened(n), Moment::Closed(n)]);
    for moment in moments {
        // The result of the earlier unpacking is forgotten.
        let _ = fs_err::remove_dir_all(fixture.path("store/memo/base-disk-1"));
        let _ = fs_err::remove_file(fixture.image());
        fs_err::write(&base, &good).unwrap();
        let watch = watch(&base);
        std::thread::scope(|scope| {
            let exchanged = scope.spawn(|| {
                wait_for(&watch, moment);
                exchange(moment, &base, &bad, at);
            });
            let result = run(&mut pinned());
            match result.code {
                Some(0) => assert!(
                    fs_err::read(fixture.image()).unwrap() == right,
                    "{moment:?}"
                ),
                _ => drop(result.ended(4).says(&["is not genuine"])),
            }
            // A program that reads the file once never reaches the later moments.
            while !exchanged.is_finished() {
                drop(fs_err::File::open(&base).unwrap());
            }
        });
    }
    fs_err::write(&base, &good).unwrap();
    run(&mut pinned()).succeeded();
    assert!(fs_err::read(fixture.image()).unwrap() == right);
}

#[test]
fn a_zip_archive_with_a_readme_is_a_base() {
    let (fixture, base) = bases::fixture();
    fs_err::write(fixture.path("README.txt"), "a disk").unwrap();
    let zip = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED, compresslevel=1)\n\
               [z.write(name) for name in ('README.txt', 'base.img')]\nz.writestr('__MACOSX/._base.img', 'x')\nz.close()";
    let mut python = Command::new("python3");
    python.args(["-c", zip, "x.zip"]);
    command::run(python.current_dir(base.parent().unwrap()));
    inject(&fixture, &fixture.path("x.zip")).succeeded();
}
