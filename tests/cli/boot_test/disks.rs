//! The machine's disk, and the raw copies that qemu-img makes of images in qcow2.

use super::TestMachine;
use crate::command::{self, resize};
use crate::fixture::run;
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program in the place of qemu-img that does not end. It holds the lock that a machine holds.
const ENDLESS: &str = r#"#!/bin/sh
here=$(dirname "$0")
exec 8> "$here/runs"
flock 8
if [ -e "$here/asked" ]; then : > "$here/asked"; fi
exec sleep 90
"#;

/// `machine` with the qemu-img of this system.
fn with_qemu_img(machine: TestMachine) -> TestMachine {
    fs_err::remove_file(machine.0.path("bin/qemu-img")).unwrap();
    machine
}

fn qemu_img(arguments: &[&str], files: &[&Path]) {
    command::run(
        Command::new("/usr/bin/qemu-img")
            .args(arguments)
            .args(files),
    );
}

/// A disk of `len` bytes in qcow2 without content.
fn empty(machine: &TestMachine, len: &str) -> PathBuf {
    let path = machine.0.path("work/empty.qcow2");
    qemu_img(&["create", "-q", "-f", "qcow2"], &[&path, Path::new(len)]);
    path
}

/// A disk of 4 GiB of sevens, whose file has some hundred kilobytes: all its clusters are the same one.
fn swelling(machine: &TestMachine) -> PathBuf {
    let path = empty(machine, "4G");
    let mut qemu_io = Command::new("/usr/bin/qemu-io");
    qemu_io.args(["-f", "qcow2", "-c", "write -q -P 7 0 64k"]);
    command::run(qemu_io.arg(&path));
    let mut bytes = fs_err::read(&path).unwrap();
    let number =
        |bytes: &[u8], at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
    // The fields of the header and of both tables are those of QEMU's docs/interop/qcow2.txt.
    let first_level = usize::try_from(number(&bytes, 40)).unwrap();
    let second = number(&bytes, first_level);
    let second_level = usize::try_from(second & 0x00ff_ffff_ffff_fe00).unwrap();
    let cluster = number(&bytes, second_level);
    for (table, n_entries, entry) in [(second_level, 8192, cluster), (first_level, 8, second)] {
        for index in 0..n_entries {
            let at = table + 8 * index;
            bytes[at..at + 8].copy_from_slice(&entry.to_be_bytes());
        }
    }
    assert!(bytes.len() < 1 << 20, "{}", bytes.len());
    fs_err::write(&path, bytes).unwrap();
    path
}

#[test]
fn an_image_in_qcow2_is_tested_and_not_changed() {
    let machine = with_qemu_img(TestMachine::of_health("firewall ok\n", ""));
    // The bytes count, and not the name.
    let image = machine.0.path("work/disk");
    qemu_img(
        &["convert", "-f", "raw", "-O", "qcow2"],
        &[&machine.0.image(), &image],
    );
    let before = fs_err::read(&image).unwrap();
    run(&mut machine.command_for(&image, &[])).succeeded();
    assert!(fs_err::read(&image).unwrap() == before);
    assert_eq!(machine.0.scratch(), Vec::<String>::new());

    let over = machine.0.path("work/over.qcow2");
    let create = ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"];
    qemu_img(&create, &[&image, &over]);
    let data = format!("data_file={}", machine.0.path("work/data").display());
    let beside = machine.0.path("work/beside.qcow2");
    let create = ["create", "-q", "-f", "qcow2", "-o", &data];
    qemu_img(&create, &[&beside, Path::new("1M")]);
    for (file, words) in [(&over, "a backing file"), (&beside, "a data file")] {
        let finished = run(&mut machine.command_for(file, &[])).ended(4);
        finished.says(&[&format!("needs {words}"), "qemu-img convert -O qcow2"]);
    }
    fs_err::write(&image, &before[..100]).unwrap();
    let finished = run(&mut machine.command_for(&image, &[])).ended(4);
    finished.says(&["cannot make a raw disk of the image", "qemu-img: "]);
    assert_eq!(machine.0.scratch(), Vec::<String>::new());
}

#[test]
fn a_small_file_in_qcow2_does_not_fill_the_disk() {
    let machine = with_qemu_img(TestMachine::of_health("firewall ok\n", ""));
    run(&mut machine.command_for(&swelling(&machine), &[]))
        .ended(4)
        .says(&["content takes more than 1073741824 bytes"]);
    assert_eq!(machine.0.scratch(), Vec::<String>::new());
    run(&mut machine.command_for(&empty(&machine, "300G"), &[]))
        .ended(4)
        .says(&["a qcow2 disk of 322122547200 bytes: expected at most 274877906944"]);
}

#[test]
fn a_copy_that_is_not_made_in_time_is_given_up() {
    let machine = TestMachine::of_health("firewall ok\n", "");
    machine.put("qemu-img", ENDLESS);
    let image = empty(&machine, "1G");
    run(&mut machine.command_for(&image, &["--timeout", "1"]))
        .ended(6)
        .says(&["has not made a raw disk of the image within 1 seconds"]);
    machine.is_gone();
    assert_eq!(machine.0.scratch(), Vec::<String>::new());
}

#[test]
fn a_test_that_is_ended_takes_the_copying_program_with_it() {
    for (signal, code) in [(Signal::TERM, Some(130)), (Signal::KILL, None)] {
        let machine = TestMachine::of_health("firewall ok\n", "");
        machine.put("qemu-img", ENDLESS);
        let asked = machine.0.path("bin/asked");
        command::run(Command::new("mkfifo").arg(&asked));
        let mut command = machine.command_for(&empty(&machine, "1G"), &[]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // This read ends when the program runs.
        fs_err::read(&asked).unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), code);
        machine.is_gone();
    }
}

/// The rest of a disk that is cut off has the second table of a GPT, and the end of the root filesystem.
#[test]
fn the_disk_of_the_machine_is_at_least_as_long_as_the_image() {
    let qemu = "#!/bin/sh\nfor word; do case $word in *,file=*)\n\
                qemu-img info --output=json \"${word##*,file=}\" > \"$(dirname \"$0\")/info\";;\n\
                esac; done\n";
    let machine = with_qemu_img(TestMachine::new(qemu));
    for (image, disk) in [(None, 8_u64 << 30), (Some(9_u64 << 30), 9_u64 << 30)] {
        if let Some(len) = image {
            resize(&machine.0.image(), len);
        }
        let finished = run(&mut machine.command(&[])).ended(6);
        finished.says(&["the machine has ended"]);
        let info: serde_json::Value = serde_json::from_str(&machine.read("info")).unwrap();
        assert_eq!(info["virtual-size"], disk);
    }
}
