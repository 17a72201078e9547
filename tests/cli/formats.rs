//! Outputs in several formats, and on standard output.

use crate::command::{input, run as judge, stdout};
use crate::fixture::{Fixture, PROGRAM, names, run};
use imgbuild::digest::Sha256;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

impl Fixture {
    /// A build with these further arguments, without an output.
    fn build_to(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare(&[]);
        command.args(self.inputs()).args(arguments);
        command
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs_err::read(self.path("work").join(name)).unwrap()
    }
}

fn on(program: &str, arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    command
}

#[test]
fn one_build_writes_every_format_and_says_the_digests() {
    let fixture = Fixture::new();
    let files = ["x.img", "x.img.xz", "x.img.zst", "x.qcow2"];
    let outputs: Vec<&str> = files.iter().flat_map(|name| ["-o", name]).collect();
    let finished = run(&mut fixture.build_to(&outputs)).succeeded();
    assert_eq!(finished.stdout, "x.img\nx.img.xz\nx.img.zst\nx.qcow2\n");
    assert_eq!(names(&fixture.path("work")), files);
    let work = fixture.path("work");
    let raw = fixture.read("x.img");
    for (program, arguments) in [
        ("xz", &["-T2", "-dc", "x.img.xz"][..]),
        ("zstd", &["-q", "-dc", "x.img.zst"]),
    ] {
        let unpacked = judge(&mut on(program, arguments, &work)).stdout;
        assert!(unpacked == raw, "{program}");
    }
    judge(&mut on("qemu-img", &["check", "x.qcow2"], &work));
    judge(&mut on(
        "qemu-img",
        &["compare", "-f", "raw", "x.img", "x.qcow2"],
        &work,
    ));
    let said = |name: &str| {
        let bytes = fixture.read(name);
        format!("{name} {} bytes sha256:{}", bytes.len(), Sha256::of(&bytes))
    };
    let said = files.map(said);
    finished.says(&said.each_ref().map(String::as_str));

    // The next build compresses nothing, and takes another path through the program.
    let before = fixture.read("x.img.xz");
    let finished = run(&mut fixture.build_to(&["--format", "img.xz"])).succeeded();
    assert_eq!(finished.stdout, "tiny-greeter.img.xz\n");
    assert!(fixture.read("tiny-greeter.img.xz") == before);
    let raw = fixture.read("x.img");
    let image = format!("image {} bytes sha256:{}", raw.len(), Sha256::of(&raw));
    finished.says(&[image.as_str()]);
}

#[test]
fn store_and_processors_decide_no_byte_of_a_packed_image() {
    let fixture = Fixture::new();
    let outputs = ["-o", "a.img.xz", "-o", "a.img.zst", "-o", "a.qcow2"];
    run(&mut fixture.build_to(&outputs)).succeeded();
    let all = ["a.img.xz", "a.img.zst", "a.qcow2"].map(|name| fixture.read(name));
    fs_err::remove_dir_all(fixture.path("store")).unwrap();
    let mut command = Command::new("taskset");
    fixture.surround(&mut command);
    command
        .args(["1", PROGRAM])
        .args(fixture.inputs())
        .args(outputs);
    run(&mut command).succeeded();
    let again = ["a.img.xz", "a.img.zst", "a.qcow2"].map(|name| fixture.read(name));
    assert!(all == again);
}

#[test]
fn more_compression_gives_the_same_image_in_fewer_bytes() {
    let fixture = Fixture::new();
    let outputs = ["-o", "a.img.xz", "-o", "a.img.zst"];
    run(&mut fixture.build_to(&outputs)).succeeded();
    let outputs = ["-o", "b.img.xz", "-o", "b.img.zst", "--max-compression"];
    run(&mut fixture.build_to(&outputs)).succeeded();
    let work = fixture.path("work");
    // Of so few files, `xz -9e` may make more bytes than `xz -6`; zstd finds something.
    let [usual, highest] = ["a.img.zst", "b.img.zst"].map(|name| fixture.read(name).len());
    assert!(highest < usual, "{highest} and {usual}");
    for (program, ending) in [("xz", "img.xz"), ("zstd", "img.zst")] {
        let unpacked = |name| {
            let file = format!("{name}.{ending}");
            judge(&mut on(program, &["-dc", &file], &work)).stdout
        };
        assert!(unpacked("a") == unpacked("b"));
    }
}

#[test]
fn standard_output_gets_the_image_and_nothing_else() {
    let fixture = Fixture::warm();
    run(&mut fixture.build_to(&["-o", "x.img"])).succeeded();
    let raw = fixture.read("x.img");
    let printed = judge(&mut fixture.build_to(&["-o", "-"])).stdout;
    assert!(printed == raw);
    run(&mut fixture.build_to(&["-o", "x.img.xz"])).succeeded();
    let both = ["-o", "-", "--format", "img.xz", "-o", "y.img.xz"];
    let printed = judge(&mut fixture.build_to(&both)).stdout;
    assert!(printed == fixture.read("x.img.xz") && printed == fixture.read("y.img.xz"));
    assert_eq!(fixture.scratch(), [""; 0]);
    // A reader that does not read to the end has no image.
    let mut child = fixture
        .build_to(&["-o", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(5), "{said}");
    assert!(said.contains("cannot write to standard output"), "{said}");
}

#[test]
fn a_terminal_gets_no_image() {
    let fixture = Fixture::new();
    let arguments = fixture.inputs().join("' '");
    let command = format!("'{PROGRAM}' '{arguments}' --output -");
    let mut script = Command::new("script");
    fixture.surround(&mut script);
    script.args(["--quiet", "--return", "--command", &command, "/dev/null"]);
    let finished = run(script.stdin(Stdio::null())).ended(2);
    assert!(finished.stdout.contains("is a terminal"), "{finished:?}");
    assert_eq!(fixture.server.requests(), []);
}

#[test]
fn outputs_that_contradict_each_other_are_refused_before_anything_is_fetched() {
    let fixture = Fixture::new();
    for (arguments, words) in [
        (
            &["-o", "x.img.xz", "--format", "img"][..],
            "says .img.xz, and `--format` says img",
        ),
        (&["-o", "x.img", "-o", "x.img"], "is given twice"),
        (&["-o", "-", "-o", "-"], "is given twice"),
        (&["-o", "x.img", "-o", "../work/x.img"], "is given twice"),
        (&["-o", "x.vmdk"], "not as .vmdk; write it to `x`"),
        (&["-o", "x.img.gz"], "not as .gz; write it to `x.img`"),
        (&["-o", "x.tar.xz"], "not as .tar.xz; write it to `x`"),
        (
            &["-o", "-", "-o", "x.qcow2", "--bmap"],
            "lies beside a .img, .img.xz or .img.zst",
        ),
        (
            &["--format", "iso"],
            "[possible values: img, img.xz, img.zst, qcow2]",
        ),
    ] {
        run(&mut fixture.build_to(arguments))
            .ended(2)
            .says(&[words]);
    }
    let mut test = fixture.sub("test");
    run(test.args(["-o", "x.img.xz"]))
        .ended(2)
        .says(&["ends in .img"]);
    assert_eq!(names(&fixture.path("work")), [""; 0]);
    assert_eq!(fixture.server.requests(), []);
}

#[test]
fn a_packed_image_with_a_secret_is_its_owners_alone_and_the_store_keeps_none_of_it() {
    let fixture = Fixture::new();
    let memos = || {
        let folder = fixture.path("store/memo");
        let stages = names(&folder);
        let stages = stages
            .iter()
            .filter(|name| name.starts_with("image-of-spans"));
        stages.count()
    };
    let mut build = fixture.build_to(&["-o", "x.img.xz"]);
    run(build.env("IMGBUILD_SECRET_PASSPHRASE", "correct horse battery")).succeeded();
    let found = fs_err::metadata(fixture.path("work/x.img.xz")).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    assert_eq!(memos(), 0);
    // What the store has of it was compressed of objects alone, and holds no secret when it is unpacked.
    let folder = fixture.path("store/memo/xz-6-1");
    for note in names(&folder) {
        let text = fs_err::read_to_string(folder.join(note)).unwrap();
        let (first, rest) = text.split_at(2);
        let object = fixture.path("store/objects").join(first).join(&rest[..62]);
        let mut unpack = Command::new("xz");
        unpack.args(["-dc", "--format=xz"]);
        let bytes = judge(unpack.stdin(input(fs_err::read(object).unwrap()))).stdout;
        assert!(!String::from_utf8_lossy(&bytes).contains("correct horse battery"));
    }
    run(&mut fixture.build_to(&["-o", "x.img.xz"])).succeeded();
    assert_eq!(memos(), 1);
    assert!(stdout(&mut on("xz", &["-l", "x.img.xz"], &fixture.path("work"))).contains("CRC64"));
}

#[test]
fn a_full_disk_is_said_of_a_packed_image_too() {
    let fixture = Fixture::warm();
    for (name, words) in [("x.img.xz", "needs more than the "), ("x.qcow2", "needs ")] {
        let mut command = Command::new("unshare");
        let script = "mount -t tmpfs -o size=64k tmpfs \"$OUT\" && { \"$@\"; code=$?; ls -A \"$OUT\"; exit $code; }";
        command.args(["-Urm", "sh", "-c", script, "sh", PROGRAM]);
        fixture.surround(&mut command);
        command
            .env("OUT", fixture.path("out"))
            .args(fixture.inputs());
        command.arg("--output").arg(fixture.path("out").join(name));
        let finished = run(&mut command).ended(5).says(&["is full", words]);
        assert_eq!(finished.stdout, "");
    }
}

#[test]
fn if_one_of_several_outputs_finds_a_full_disk_none_of_them_appears() {
    let fixture = Fixture::warm();
    fs_err::write(fixture.path("work/a.img"), "the one before").unwrap();
    // One of the three files lies on a small disk.
    for size in ["4k", "64k"] {
        let mut command = Command::new("unshare");
        let script = "mount -t tmpfs -o size=$0 tmpfs \"$OUT\" && { \"$@\"; code=$?; ls -A \"$OUT\"; exit $code; }";
        command.args(["-Urm", "sh", "-c", script, size, PROGRAM]);
        fixture.surround(&mut command);
        command
            .env("OUT", fixture.path("out"))
            .args(fixture.inputs())
            .args(["-o", "a.img", "--bmap", "-o", "c.qcow2", "--output"])
            .arg(fixture.path("out/b.img.xz"));
        let words = ["/out` is full", "needs more than the ", " free"];
        let finished = run(&mut command).ended(5).says(&words);
        assert_eq!(finished.stdout, "", "{size}");
        assert_eq!(names(&fixture.path("work")), ["a.img"], "{size}");
        assert_eq!(fixture.read("a.img"), b"the one before");
    }
}

#[test]
fn a_build_of_several_outputs_that_is_killed_leaves_whole_files_and_nothing_that_the_next_one_minds()
 {
    let fixture = Fixture::warm();
    let outputs = ["-o", "x.img", "-o", "x.img.xz", "-o", "x.qcow2", "--bmap"];
    run(&mut fixture.build_to(&outputs)).succeeded();
    let files = [
        "x.img",
        "x.img.bmap",
        "x.img.xz",
        "x.img.xz.bmap",
        "x.qcow2",
    ];
    let work = fixture.path("work");
    assert_eq!(names(&work), files);
    let good = files.map(|name| fixture.read(name));
    let mut cut = 0;
    for delay in 0..12 {
        // Something is compressed in each of these builds. The one before may have noted nothing.
        let _ = fs_err::remove_dir_all(fixture.path("store/memo/xz-6-1"));
        for name in files {
            fs_err::write(work.join(name), "before").unwrap();
        }
        let mut child = fixture
            .build_to(&outputs)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let is_sealed =
            |line: std::io::Result<String>| line.unwrap().trim_start().starts_with("seal");
        assert!(lines.any(is_sealed));
        std::thread::sleep(Duration::from_millis(delay * 40));
        child.kill().unwrap();
        child.wait().unwrap();
        for (name, good) in files.iter().zip(&good) {
            let found = fixture.read(name);
            assert!(found == b"before" || found == *good, "{name}");
        }
        cut += usize::from(names(&work).len() > files.len());
    }
    assert!(cut > 0, "no build was killed while it wrote");
    run(&mut fixture.build_to(&outputs)).succeeded();
    assert_eq!(names(&work), files);
    assert!(files.map(|name| fixture.read(name)) == good);
    assert_eq!(fixture.scratch(), [""; 0]);
}

#[test]
fn a_block_map_lies_beside_each_image_that_bmaptool_reads() {
    let fixture = Fixture::warm();
    let both = ["-o", "x.img", "-o", "y.img.zst", "-o", "z.qcow2", "--bmap"];
    run(&mut fixture.build_to(&both)).succeeded();
    let files = [
        "x.img",
        "x.img.bmap",
        "y.img.zst",
        "y.img.zst.bmap",
        "z.qcow2",
    ];
    assert_eq!(names(&fixture.path("work")), files);
    let map = fixture.read("x.img.bmap");
    assert!(fixture.read("y.img.zst.bmap") == map);
    // Standard output has no map, and a map is the same whatever else is written.
    let xz = ["-o", "-", "--format", "img.xz", "-o", "w.img.xz", "--bmap"];
    let printed = judge(&mut fixture.build_to(&xz)).stdout;
    assert!(printed == fixture.read("w.img.xz") && fixture.read("w.img.xz.bmap") == map);
    judge(&mut on(
        "bmaptool",
        &["copy", "w.img.xz", "copy"],
        &fixture.path("work"),
    ));
    assert!(fixture.read("copy") == fixture.read("x.img"));
    // bmaptool would take the map of an earlier image for that of this one.
    let finished = run(&mut fixture.build_to(&["-o", "y.img.zst"])).succeeded();
    finished.says(&["warning: `y.img.zst.bmap` is the map of an earlier image"]);
}
