//! Every shipped board, built from a small archive: the map of its disk, and the bytes that its
//! boot ROM or firmware will read.
//!
//! Only the architecture of the boards is changed to that of this machine, because the packages'
//! scripts run here. What differs by architecture (`arm_64bit`, folders of device trees) is tested
//! elsewhere.

mod archive;

use crate::command::stdout;
use crate::fixture::{Finished, Fixture, run};
use crate::mirror::{Fault, Request, Times};
use crate::test_debian;
use imgbuild::define::board::PartitionType;
use imgbuild::digest::Sha256;
use serde_json::Value;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const SECTOR: u64 = 512;
const MIB: u64 = 1 << 20;

/// Replacements for the blobs of the Odroid XU4: the name of the file, its length, its bytes.
const EXYNOS: [(&str, usize, u8); 3] = [
    ("bl1.bin.hardkernel", 15_616, b'1'),
    ("bl2.bin.hardkernel.720k_uboot", 14_592, b'2'),
    ("tzsw.bin.hardkernel", 262_144, b'T'),
];

/// A fixture whose definitions are the shipped boards.
struct Boards(Fixture);

impl Boards {
    fn new() -> Self {
        let fixture = Fixture::new();
        for (folder, archive) in archive::archives() {
            archive.write(&fixture.path("mirror").join(folder));
        }
        for (name, len, byte) in EXYNOS {
            fs_err::create_dir_all(fixture.path("mirror/blobs")).unwrap();
            fs_err::write(fixture.path("mirror/blobs").join(name), vec![byte; len]).unwrap();
        }
        let boards = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards");
        for name in crate::fixture::names(&boards) {
            let file = boards.join(&name).join("board.toml");
            if file.exists() {
                let text = fs_err::read_to_string(file).unwrap();
                let to = fixture.path("definitions/boards").join(name);
                fs_err::create_dir_all(&to).unwrap();
                fs_err::write(to.join("board.toml"), adapted(&text, &fixture)).unwrap();
            }
        }
        Self(fixture)
    }

    fn command(&self, board: &str) -> Command {
        let mut command = self.sub(&[], board);
        command.arg("--output").arg(self.image(board));
        command
    }

    /// The subcommand `words` about `board`.
    fn sub(&self, words: &[&str], board: &str) -> Command {
        let fixture = &self.0;
        let mut command = fixture.bare(words);
        command.args(["--board", board, "--profile", "greeter"]);
        for (flag, name) in [
            ("--definitions", "definitions"),
            ("--store", "store"),
            ("--keyring", "keyring.pgp"),
        ] {
            command.arg(flag).arg(fixture.path(name));
        }
        command.args(["--mirror", &fixture.mirror()]);
        command
    }

    fn image(&self, board: &str) -> PathBuf {
        self.0.path(&format!("out/{board}.img"))
    }

    fn build(&self, board: &str) -> Disk {
        run(&mut self.command(board)).succeeded();
        Disk::open(self.image(board))
    }
}

/// The board with the architecture of this machine's packages, and with its blobs on the test's
/// server.
fn adapted(text: &str, fixture: &Fixture) -> String {
    let line = |line: &str| -> String {
        let Some((name, len, byte)) = EXYNOS.into_iter().find(|(name, ..)| line.contains(name))
        else {
            return match line.starts_with("architecture") || line.starts_with("sha256") {
                true => String::new(),
                false => format!("{line}\n"),
            };
        };
        let digest = Sha256::of(&vec![byte; len]);
        format!(
            "url = \"{}/blobs/{name}\"\nsha256 = \"{digest}\"\n",
            fixture.server.url()
        )
    };
    let text: String = text.lines().map(line).collect();
    let architecture = format!(
        "schema = 1\narchitecture = \"{}\"",
        test_debian::host().debian()
    );
    text.replacen("schema = 1", &architecture, 1)
}

/// A built image.
struct Disk {
    path: PathBuf,
    file: fs_err::File,
}

impl Disk {
    fn open(path: PathBuf) -> Self {
        let file = fs_err::File::open(&path).unwrap();
        Self { path, file }
    }

    fn bytes(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.file.file().read_exact_at(&mut bytes, offset).unwrap();
        bytes
    }

    fn sectors(&self, first: u64, n: usize) -> Vec<u8> {
        self.bytes(first * SECTOR, n * 512)
    }

    /// The partition table as sfdisk(8) reads it.
    fn table(&self) -> Value {
        let mut sfdisk = Command::new("/usr/sbin/sfdisk");
        stdout(sfdisk.arg("--verify").arg(&self.path));
        let mut sfdisk = Command::new("/usr/sbin/sfdisk");
        let text = stdout(sfdisk.arg("--json").arg(&self.path));
        let table: Value = serde_json::from_str(&text).unwrap();
        table["partitiontable"].clone()
    }

    /// First sector of partition `number`, from 1.
    fn start(&self, number: usize) -> u64 {
        self.table()["partitions"][number - 1]["start"]
            .as_u64()
            .unwrap()
    }

    /// The partition table, and the sectors before the first filesystem that are not zeros.
    fn map(&self) -> String {
        let table = self.table();
        let mut text = format!("{}\n", table["label"].as_str().unwrap());
        for partition in table["partitions"].as_array().unwrap() {
            let number = |key: &str| partition[key].as_u64().unwrap();
            let active = match partition["bootable"].as_bool() {
                Some(true) => " active",
                _ => "",
            };
            // The length of a root partition is that of its content.
            let last = Some(partition) == table["partitions"].as_array().unwrap().last();
            let len = match last {
                true => "to the end".to_owned(),
                false => format!("{} sectors", number("size")),
            };
            text += &format!(
                "partition at {}, {len}, type {}{active}\n",
                number("start"),
                partition["type"].as_str().unwrap(),
            );
        }
        let first = table["partitions"][0]["start"].as_u64().unwrap();
        for (start, end, byte) in self.runs(first) {
            text += &format!("sectors {start}..{end} begin with {byte:#04x}\n");
        }
        text
    }

    /// Runs of sectors below `end` that begin with the same byte and hold more than zeros.
    fn runs(&self, end: u64) -> Vec<(u64, u64, u8)> {
        let mut runs: Vec<(u64, u64, u8)> = Vec::new();
        for sector in 0..end {
            let bytes = self.sectors(sector, 1);
            match runs.last_mut() {
                _ if bytes.iter().all(|byte| *byte == 0) => {}
                Some(run) if run.1 == sector && run.2 == bytes[0] => run.1 += 1,
                _ => runs.push((sector, sector + 1, bytes[0])),
            }
        }
        runs
    }

    /// A file of the FAT in partition `number`, through mtools.
    fn fat(&self, number: usize, arguments: &[&str]) -> String {
        let place = format!("{}@@{}", self.path.display(), self.start(number) * SECTOR);
        let mut mtool = Command::new(arguments[0]);
        stdout(mtool.args(["-i", &place]).args(&arguments[1..]))
    }

    /// A file of the last partition, an ext4, through debugfs.
    fn root(&self, at: &str) -> String {
        let table = self.table();
        let last = table["partitions"].as_array().unwrap().last().unwrap();
        let offset = last["start"].as_u64().unwrap() * SECTOR;
        let device = format!("{}?offset={offset}", self.path.display());
        let mut debugfs = Command::new("/usr/sbin/debugfs");
        stdout(debugfs.args(["-R", &format!("cat {at}"), &device]))
    }

    /// The number of clusters of the FAT32 in partition `number`, computed as Microsoft's
    /// specification says.
    fn fat_clusters(&self, number: usize) -> u64 {
        let boot = self.sectors(self.start(number), 1);
        let half = |at: usize| u64::from(u16::from_le_bytes([boot[at], boot[at + 1]]));
        let word = |at: usize| half(at) | half(at + 2) << 16;
        let tables = u64::from(boot[16]) * word(36);
        (word(32) - half(14) - tables) / u64::from(boot[13])
    }
}

/// `text` without the identifiers that differ from build to build.
fn steady(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace);
    let word = |word: &str| match word.split_once("UUID=") {
        Some((before, _)) => format!("{before}UUID=ID{}", &word[word.trim_end().len()..]),
        None => word.to_owned(),
    };
    words.map(word).collect()
}

#[test]
fn a_raspberry_pi_finds_its_firmware() {
    let boards = Boards::new();
    let old = ["bootcode.bin", "fixup.dat", "start.elf"].as_slice();
    let four = ["fixup4.dat", "start4.elf"].as_slice();
    for (board, firmware) in [
        ("rpi-zero2w", old),
        ("rpi2", old),
        ("rpi3", old),
        ("rpi4", four),
        ("rpi5", &[]),
    ] {
        let disk = boards.build(board);
        insta::assert_snapshot!(format!("map of {board}"), disk.map());
        assert!(disk.fat_clusters(1) >= 65_526, "{board}: not a FAT32");
        let listing = disk.fat(1, &["mdir", "-b", "::"]);
        let mut names: Vec<&str> = listing.lines().map(|line| &line[3..]).collect();
        names.sort_unstable();
        let kernel = format!("vmlinuz-{}", test_debian::KERNEL);
        let initramfs = format!("initrd.img-{}", test_debian::KERNEL);
        let common = [
            "bcm2711-test.dtb",
            "cmdline.txt",
            "config.txt",
            &kernel,
            &initramfs,
        ];
        let mut expected: Vec<&str> = common.into_iter().chain(firmware.iter().copied()).collect();
        expected.sort_unstable();
        assert_eq!(names, expected, "{board}");
        let texts = ["config.txt", "cmdline.txt"]
            .map(|name| disk.fat(1, &["mtype", &format!("::{name}")]))
            .join("---\n");
        insta::assert_snapshot!(format!("texts of {board}"), steady(&texts));
    }
}

#[test]
fn the_kernel_of_a_raspberry_pi_5_comes_from_the_backports() {
    let boards = Boards::new();
    let disk = boards.build("rpi5");
    let status = disk.root("/var/lib/dpkg/status");
    let version = |name: &str| {
        let stanza = status.split("\n\n");
        let mut stanza = stanza.filter(|text| text.starts_with(&format!("Package: {name}\n")));
        let stanza = stanza.next().unwrap();
        let line = stanza
            .lines()
            .find_map(|line| line.strip_prefix("Version: "));
        line.unwrap().to_owned()
    };
    assert_eq!(
        ["linux-image-arm64", "linux-base", "zstd"].map(version),
        ["2.0", "2.0", "1.0"]
    );
    let sources = disk.root("/etc/apt/sources.list.d/debian.sources");
    assert!(sources.contains("Suites: trixie-backports\n"), "{sources}");
}

#[test]
fn an_odroid_xu4_finds_each_part_of_its_boot_loader_at_its_sector() {
    let boards = Boards::new();
    let disk = boards.build("odroid-xu4");
    insta::assert_snapshot!("map of odroid-xu4", disk.map());
    // bl1 is half a sector longer than its room, and the other blob ends where bl2 begins.
    assert_eq!(disk.sectors(1, 30), [b'1'; 15_360]);
    assert_eq!(disk.bytes(31 * SECTOR, 14_592), [b'2'; 14_592]);
    assert_eq!(disk.bytes(63 * SECTOR, 556_416), archive::u_boot_exynos());
    assert_eq!(disk.bytes(1503 * SECTOR, 262_144), vec![b'T'; 262_144]);
    // Everything from U-Boot's own settings up to the partition.
    let rest = usize::try_from(disk.start(1) - 2015).unwrap();
    assert!(disk.sectors(2015, rest).iter().all(|byte| *byte == 0));
    assert_eq!(disk.start(1), 4 * MIB / SECTOR);
    insta::assert_snapshot!(
        "menu of odroid-xu4",
        steady(&disk.root("/boot/extlinux/extlinux.conf"))
    );
}

#[test]
fn a_virtual_machine_finds_the_menu_of_u_boot() {
    let boards = Boards::new();
    let disk = boards.build("qemu-arm64");
    insta::assert_snapshot!("map of qemu-arm64", disk.map());
    insta::assert_snapshot!(
        "menu of qemu-arm64",
        steady(&disk.root("/boot/extlinux/extlinux.conf"))
    );
    insta::assert_snapshot!(
        "settings of qemu-arm64",
        steady(&disk.root("/etc/u-boot-menu/conf.d/imgbuild.conf"))
    );
}

#[test]
fn a_pc_finds_grub_from_bios_and_from_uefi() {
    let boards = Boards::new();
    let disk = boards.build("x86_64");
    let root = PartitionType::Root.gpt(test_debian::host());
    insta::assert_snapshot!("map of x86_64", disk.map().replace(root, "ROOT"));
    let boot = disk.sectors(0, 1);
    let core = disk.start(1);
    assert_eq!(boot[0x5c..0x64], core.to_le_bytes());
    assert_eq!(boot[0x66..0x68], [0x90, 0x90]);
    assert_eq!(boot[510..], [0x55, 0xaa]);
    let first = disk.sectors(core, 1);
    assert_eq!(first[..500], [0xdd; 500]);
    assert_eq!(first[500..508], (core + 1).to_le_bytes());
    for (name, text) in [("BOOTX64.EFI", "MZ shim"), ("grubx64.efi", "MZ grub")] {
        assert_eq!(disk.fat(2, &["mtype", &format!("::EFI/BOOT/{name}")]), text);
    }
}

#[test]
fn a_blob_that_is_another_one_is_refused_and_a_cut_off_one_resumed() {
    let boards = Boards::new();
    let blobs = boards.0.path("mirror/blobs");
    let (name, len, byte) = EXYNOS[0];
    fs_err::write(blobs.join(name), vec![byte + 1; len]).unwrap();
    let refused = |finished: Finished| {
        assert_eq!(boards.0.outputs(), [""; 0]);
        boards.0.steady(&finished.stderr)
    };
    let finished = run(&mut boards.command("odroid-xu4")).ended(4);
    insta::assert_snapshot!("another blob", last_lines(&refused(finished)));
    fs_err::write(blobs.join(name), vec![byte; len]).unwrap();
    let finished = run(boards.command("odroid-xu4").arg("--offline")).ended(4);
    insta::assert_snapshot!("offline", last_lines(&refused(finished)));
    let fault = Fault::Truncate(1000);
    boards
        .0
        .server
        .fault(&format!("/blobs/{name}"), fault, Times::Once);
    let before = boards.0.server.requests().len();
    let disk = boards.build("odroid-xu4");
    assert_eq!(disk.sectors(1, 30), [b'1'; 15_360]);
    let requests = boards.0.server.requests();
    let resumed =
        |request: &&Request| request.path.ends_with(name) && request.fields.contains_key("range");
    assert_eq!(requests[before..].iter().filter(resumed).count(), 1);
}

/// The text from the error on. The text before it has times in it.
fn last_lines(text: &str) -> &str {
    text.find("error: ").map_or(text, |at| &text[at..])
}

/// A foreign image of `len` bytes. Each byte depends on its offset, and an MBR has one entry.
fn foreign(path: &Path, len: u64) -> Vec<u8> {
    let len = usize::try_from(len).unwrap();
    let mut bytes: Vec<u8> = (0..len).map(|at| (at / 512 % 251 + 1) as u8).collect();
    bytes[440..512].fill(0);
    bytes[446..462].copy_from_slice(&[0, 0, 0, 0, 0x83, 0, 0, 0, 0, 0x80, 0, 0, 0, 8, 0, 0]);
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    fs_err::write(path, &bytes).unwrap();
    bytes
}

#[test]
fn an_odroid_keeps_the_boot_loader_of_an_image_that_is_made_for_it() {
    let boards = Boards::new();
    let image = boards.0.path("foreign.img");
    let theirs = foreign(&image, 17 * MIB);
    let build = |board: &str| {
        let mut command = boards.command(board);
        command.arg("--base").arg(&image).arg("--boot-loader-only");
        run(&mut command).succeeded();
        Disk::open(boards.image(board))
    };
    for board in ["odroid-c2", "odroid-c4", "odroid-hc4", "odroid-n2"] {
        let disk = build(board);
        let loader = disk.bytes(0, 4 << 20);
        assert_eq!(loader[..440], theirs[..440], "{board}");
        // The disk id and the entries are those of the new image.
        assert_ne!(loader[440..510], theirs[440..510], "{board}");
        assert!(
            loader[512..] == theirs[512..4 << 20],
            "{board}: another loader"
        );
        assert_eq!(disk.start(1), 4 * MIB / SECTOR, "{board}");
        let menu = disk.root("/boot/extlinux/extlinux.conf");
        insta::assert_snapshot!(format!("menu of {board}"), steady(&menu));
    }
    let disk = build("odroid-m1");
    assert_eq!(disk.start(1), 16 * MIB / SECTOR);
    let loader = disk.bytes(0, 16 << 20);
    assert!(
        loader[64 * 512..] == theirs[64 * 512..16 << 20],
        "another loader"
    );
    // The sectors between the table and Rockchip's sector 64 are unused.
    assert!(loader[512..64 * 512].iter().all(|byte| *byte == 0));
    let menu = disk.root("/boot/extlinux/extlinux.conf");
    insta::assert_snapshot!("menu of odroid-m1", steady(&menu));
}

#[test]
fn an_image_without_a_boot_loader_is_of_another_board() {
    let boards = Boards::new();
    let image = boards.0.path("foreign.img");
    let refused = |board: &str, code: i32| {
        let mut command = boards.command(board);
        command.arg("--base").arg(&image).arg("--boot-loader-only");
        let output = boards.0.steady(&run(&mut command).ended(code).stderr);
        last_lines(&output).to_owned()
    };
    let mut bytes = foreign(&image, 17 * MIB);
    bytes[64 * 512..].fill(0);
    fs_err::write(&image, &bytes).unwrap();
    insta::assert_snapshot!("nothing but zeros", refused("odroid-m1", 4));
    foreign(&image, 2 * MIB);
    insta::assert_snapshot!("a short image", refused("odroid-c4", 4));
    insta::assert_snapshot!("no use for an image", refused("rpi4", 2));
    assert_eq!(boards.0.outputs(), [""; 0]);
}

#[test]
fn a_board_without_a_boot_loader_of_its_own_says_where_one_is() {
    let boards = Boards::new();
    for board in [
        "odroid-c2",
        "odroid-c4",
        "odroid-hc4",
        "odroid-n2",
        "odroid-m1",
    ] {
        for mut command in [boards.command(board), boards.sub(&["plan"], board)] {
            let output = boards.0.steady(&run(&mut command).ended(2).stderr);
            insta::allow_duplicates! {
                insta::assert_snapshot!("no base", last_lines(&output).replace(board, "BOARD"));
            }
        }
    }
    assert_eq!(boards.0.outputs(), [""; 0]);
}
