//! Files that are given as a base image and are none, or change while they are read.

use crate::bases;
use crate::scene::{Ran, Scene, run};
use imgbuild::digest::Sha256;
use std::io::{Seek, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

fn inject(scene: &Scene, base: &Path) -> Ran {
    run(&mut bases::inject(scene, base))
}

/// A scene whose profiles can be built on a base, and no base.
fn scene() -> Scene {
    let scene = Scene::new();
    bases::write_adder(&scene);
    scene
}

#[test]
fn what_is_no_regular_file_is_refused_without_waiting() {
    let scene = scene();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let made = Command::new("mkfifo").arg(at("pipe")).status();
    assert!(made.unwrap().success());
    let _socket = UnixListener::bind(at("socket")).unwrap();
    fs_err::create_dir(at("folder")).unwrap();
    for (path, words) in [
        (Path::new("/dev/zero"), "a character device"),
        (&at("pipe"), "a pipe"),
        (&at("socket"), "a socket"),
        (&at("folder"), "a folder"),
    ] {
        inject(&scene, path)
            .ended(4)
            .says(&["cannot read base image", words]);
    }
    let mut command = bases::inject(&scene, Path::new("/dev/stdin"));
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Held open: whoever reads the pipe waits for ever.
    let writer = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(writer);
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).contains("a pipe"));
    assert_eq!(scene.outputs(), [""; 0]);
}

#[test]
fn a_filesystem_without_a_disk_is_called_one() {
    let scene = scene();
    let bare = scene.path("bare.img");
    let file = fs_err::File::create(&bare).unwrap();
    file.set_len(8 << 20).unwrap();
    bases::output("mkfs.ext4", &["-q", "-F", bare.to_str().unwrap()]);
    inject(&scene, &bare)
        .ended(4)
        .says(&["it is the ext4 of a single partition", "not /dev/sda1"]);
    let packed = Command::new("gzip").arg("-kf").arg(&bare).status();
    assert!(packed.unwrap().success());
    inject(&scene, &scene.path("bare.img.gz"))
        .ended(4)
        .says(&["no partition table, it is ext4", "not /dev/sda1"]);
}

#[test]
fn a_bomb_is_refused_in_seconds_by_every_packing() {
    let scene = scene();
    for pack in ["zstd -q", "gzip", "xz -0"] {
        let path = scene.path("bomb");
        let script = format!("head -c 1100M /dev/zero | {pack} > {}", path.display());
        let made = Command::new("sh").args(["-c", &script]).status();
        assert!(made.unwrap().success());
        inject(&scene, &path)
            .ended(4)
            .says(&["unpacks to more than ", "unpack it and give the disk"]);
    }
    assert_eq!(scene.scratch(), [""; 0]);
}

/// Puts `bad` and `good` under the name `base` in turns, in the same file and as another one.
fn exchange(scene: &Scene, base: &Path, [bad, good]: [&[u8]; 2], stop: &AtomicBool) {
    let other = scene.path("other.img");
    let in_place = |bytes: &[u8]| {
        let file = fs_err::OpenOptions::new().write(true).open(base);
        let mut file = file.unwrap();
        file.seek(std::io::SeekFrom::End(-1)).unwrap();
        file.write_all(&bytes[bytes.len() - 1..]).unwrap();
    };
    let renamed = |bytes: &[u8]| {
        fs_err::write(&other, bytes).unwrap();
        fs_err::rename(&other, base).unwrap();
    };
    while !stop.load(Ordering::Relaxed) {
        in_place(bad);
        in_place(good);
        renamed(bad);
        renamed(good);
    }
}

#[test]
fn a_base_that_is_exchanged_while_it_is_read_is_never_taken_for_the_other() {
    let (scene, base) = bases::scene();
    let good = fs_err::read(&base).unwrap();
    let digest = Sha256::of(&good).to_string();
    let mut bad = good.clone();
    // The last byte of the root's free space: the other one can be built on, too.
    *bad.last_mut().unwrap() ^= 1;
    let pinned = || {
        let mut command = bases::inject(&scene, &base);
        command.args(["--base-sha256", &digest]);
        command
    };
    run(&mut pinned()).succeeded();
    let right = fs_err::read(scene.image()).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| exchange(&scene, &base, [&bad, &good], &stop));
        for _ in 0..12 {
            // What was unpacked before is forgotten.
            let _ = fs_err::remove_dir_all(scene.path("store/memo/base-disk-1"));
            let _ = fs_err::remove_file(scene.image());
            let ran = run(&mut pinned());
            match ran.code {
                Some(0) => assert!(fs_err::read(scene.image()).unwrap() == right),
                _ => drop(ran.ended(4).says(&["is not genuine"])),
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    fs_err::write(&base, &good).unwrap();
    run(&mut pinned()).succeeded();
    assert!(fs_err::read(scene.image()).unwrap() == right);
}

#[test]
fn a_zip_archive_with_a_readme_is_a_base() {
    let (scene, base) = bases::scene();
    fs_err::write(scene.path("README.txt"), "a disk").unwrap();
    let zip = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED, compresslevel=1)\n\
               [z.write(name) for name in ('README.txt', 'base.img')]\nz.writestr('__MACOSX/._base.img', 'x')\nz.close()";
    let mut python = Command::new("python3");
    python.args(["-c", zip, "x.zip"]);
    let made = python.current_dir(base.parent().unwrap()).status();
    assert!(made.unwrap().success());
    inject(&scene, &scene.path("x.zip")).succeeded();
}
