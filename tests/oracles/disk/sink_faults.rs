//! The file sink under the kernel's faults: full and read-only disks, other filesystems, sudden
//! death.

use super::{Fixture, fixture};
use crate::command::stdout;
use imgbuild::digest::Sha256;
use imgbuild::disk::image::{Image, Region, Source};
use imgbuild::event::{Event, Reporter, Silent};
use imgbuild::listing;
use imgbuild::sink::{self, Digest};
use imgbuild::store::Store;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// An image of `len` bytes without a hole.
fn full(store: &Store, len: usize) -> Image {
    let object = store.insert(&vec![0xa5; len]).unwrap();
    let source = Source::Object { object, offset: 0 };
    Image::new(
        len as u64,
        vec![Region {
            start: 0,
            len: len as u64,
            source,
        }],
    )
    .unwrap()
}

/// Runs [`child`] of this test program in a mount namespace of its own, where `prepare` has run
/// with the fixture's folder as `$1`.
fn in_namespace(fixture: &Fixture, prepare: &str, task: &str) -> Command {
    let script = format!("set -e; {prepare}; shift; exec \"$@\"");
    let mut command = Command::new("unshare");
    command
        .args(["-Urm", "sh", "-c", &script, "sh"])
        .arg(fixture.folder.path())
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "disk::sink_faults::child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("IMGBUILD_CHILD_TASK", task)
        .env("IMGBUILD_CHILD_FOLDER", fixture.folder.path());
    command
}

/// A reporter that announces the first progress, when nothing is finished yet, and waits to be
/// killed.
struct StopsHalfway;

impl Reporter for StopsHalfway {
    #[expect(clippy::print_stdout, reason = "a child tells its parent where it is")]
    fn report(&self, event: Event) {
        if matches!(event, Event::Advanced { .. }) {
            println!("\nhalfway");
            let mut never = [0];
            let _ = std::io::stdin().read(&mut never);
        }
    }
}

/// The child of [`in_namespace`]. It does nothing when it runs as an ordinary test.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "how a test tells its own child what to do"
)]
fn child() {
    let Ok(task) = std::env::var("IMGBUILD_CHILD_TASK") else {
        return;
    };
    let folder = PathBuf::from(std::env::var_os("IMGBUILD_CHILD_FOLDER").unwrap());
    let store = Store::open(&folder.join("store")).unwrap();
    let write = |len, reporter: &dyn Reporter| {
        let path = folder.join("out/disk.img");
        sink::write(&full(&store, len), &store, &path, Digest::Sha256, reporter)
    };
    match task.as_str() {
        "fill" => println!("\nrefused: {}", write(8 << 20, &Silent).unwrap_err()),
        "halt" => println!("\n{:?}", write(8 << 20, &StopsHalfway)),
        "copy" => println!(
            "\nwritten: {}",
            write(3 << 20, &Silent).unwrap().sha256.unwrap()
        ),
        other => panic!("no task {other}"),
    }
    for name in listing::sorted(&folder.join("out")).unwrap() {
        println!("left: {}", name.display());
    }
}

/// The lines that a child prints.
fn answer(command: &mut Command) -> Vec<String> {
    let text = stdout(command);
    let words = ["refused: ", "written: ", "left: "];
    let is_answer = |line: &&str| words.iter().any(|word| line.starts_with(word));
    text.lines().filter(is_answer).map(str::to_owned).collect()
}

#[test]
fn a_full_disk_is_told_with_numbers_and_leaves_what_was_there() {
    let fixture = fixture();
    let prepare = "mkdir $1/out; mount -t tmpfs -o size=4m none $1/out; echo old > $1/out/disk.img";
    let output = answer(&mut in_namespace(&fixture, prepare, "fill"));
    let out = fixture.folder.path().join("out");
    let expected = format!(
        "refused: `{}` is full: the image needs 8388608 bytes there and {} are free; make room or \
         choose another folder",
        out.display(),
        (4 << 20) - 4096,
    );
    assert_eq!(output, [expected.as_str(), "left: disk.img"]);
}

#[test]
fn a_read_only_folder_is_told() {
    let fixture = fixture();
    let prepare = "mkdir $1/out; mount -t tmpfs -o ro none $1/out";
    let output = answer(&mut in_namespace(&fixture, prepare, "fill"));
    let out = fixture.folder.path().join("out");
    assert_eq!(
        output,
        [format!(
            "refused: the folder `{}` cannot be written to",
            out.display()
        )]
    );
}

#[test]
fn an_image_is_written_across_filesystems_too() {
    let fixture = fixture();
    let prepare = "mkdir $1/out; mount -t tmpfs -o size=8m none $1/out";
    let output = answer(&mut in_namespace(&fixture, prepare, "copy"));
    let digest = Sha256::of(&vec![0xa5; 3 << 20]);
    assert_eq!(
        output,
        [format!("written: {digest}").as_str(), "left: disk.img"]
    );
}

#[test]
fn a_killed_process_leaves_the_old_image_and_the_next_one_succeeds() {
    let fixture = fixture();
    let out = fixture.folder.path().join("out");
    fs_err::create_dir(&out).unwrap();
    fs_err::write(out.join("disk.img"), "old").unwrap();
    let mut command = in_namespace(&fixture, "true", "halt");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "halfway"));
    // unshare and sh were replaced by the test program, so this is its own process.
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fs_err::read(out.join("disk.img")).unwrap(), b"old");
    assert_eq!(
        listing::sorted(&out).unwrap().len(),
        2,
        "the old image and the unfinished file"
    );

    let image = full(&fixture.store, 1 << 20);
    sink::write(
        &image,
        &fixture.store,
        &out.join("disk.img"),
        Digest::Skip,
        &Silent,
    )
    .unwrap();
    assert_eq!(
        fs_err::metadata(out.join("disk.img")).unwrap().size(),
        1 << 20
    );
}
