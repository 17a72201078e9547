//! The advice of `imgbuild check`, which a build does not need: it is about boards whose images can be built but would not
//! start, would not grow, or would not survive a kernel upgrade.

use super::file::{BOOT, PACKAGES, SUITE, TOP};
use super::{Board, BootFlow, Size};
use crate::define::read::{self, Section};
use crate::diag::{Diagnostic, Diagnostics};

/// The packages that every board needs, and why.
const ALWAYS: [(&str, &str); 3] = [
    ("busybox", "it runs the initramfs"),
    ("fdisk", "the root partition grows with it"),
    (
        "initramfs-tools",
        "kernel upgrades make their initramfs with it",
    ),
];

impl Board {
    /// Reads a board as [`Board::parse`] does, and gives advice too.
    pub fn lint(diagnostics: &mut Diagnostics, name: &str, path: &str, text: &str) -> Option<Self> {
        let board = Self::parse(diagnostics, name, path, text)?;
        read::definition(diagnostics, path, text, &TOP, |top| {
            advise(top, &board);
            Some(board)
        })
    }
}

/// Gives advice about `board`, which was read from `top`.
fn advise(top: &Section<'_>, board: &Board) {
    if let Some(section) = top.section("packages", &PACKAGES) {
        packages(&section, board);
    }
    if let Some(section) = top.section("suite", &SUITE) {
        suite(&section, board);
    }
    if let Some(section) = top.section("boot", &BOOT) {
        boot(&section, board);
    }
    size(top, board);
}

fn packages(section: &Section<'_>, board: &Board) {
    let of_flow = match board.boot.flow {
        BootFlow::RpiFirmware => Some(("raspi-firmware", "it keeps the boot partition up to date")),
        BootFlow::Extlinux => Some(("u-boot-menu", "it keeps U-Boot's menu up to date")),
        BootFlow::GrubHybrid => None,
    };
    for (name, why) in ALWAYS.into_iter().chain(of_flow) {
        if !board.packages.install.iter().any(|other| other == name) {
            section.report(
                Diagnostic::new("board::packages", format!("`{name}` is not installed"))
                    .label(section.span(), why)
                    .help(format!("add `{name}` to `install`")),
            );
        }
    }
    let installed = board
        .packages
        .install
        .iter()
        .chain([&board.packages.kernel]);
    for name in installed.filter(|name| board.packages.never.contains(name)) {
        section.report(
            Diagnostic::new(
                "board::packages",
                format!("`{name}` is to be installed and never to be"),
            )
            .label(section.span(), "")
            .help("remove it from `install` or from `never`"),
        );
    }
}

/// Reports packages of extra suites that nothing installs.
fn suite(section: &Section<'_>, board: &Board) {
    let packages = &board.packages;
    let asked = |name: &String| *name == packages.kernel || packages.install.contains(name);
    let named = board.suite.extra.iter().flat_map(|extra| &extra.packages);
    for name in named.filter(|name| !asked(name)) {
        section.report(
            Diagnostic::new("board::packages", format!("nothing installs `{name}`"))
                .label(section.span(), "an extra suite names it")
                .help(format!("add `{name}` to `install` in `[packages]`")),
        );
    }
}

fn boot(section: &Section<'_>, board: &Board) {
    if board.boot.consoles.is_empty() {
        section.report(
            Diagnostic::new("board::console", "no console is named")
                .label(
                    section.span(),
                    "messages of the first boot would be seen nowhere",
                )
                .help("name one, as in `consoles = [\"tty0\"]`"),
        );
    }
}

/// Checks that the partitions fit onto the smallest disk, as far as the file tells.
fn size(top: &Section<'_>, board: &Board) {
    let end = board.partitions.iter().fold(0_u64, |end, partition| {
        let start = partition.start.map_or(end, |start| start.0);
        match partition.size {
            Size::Fixed(len) => start.saturating_add(len.0),
            Size::Content => start,
        }
    });
    if end >= board.disk.min_size.0 {
        let title = format!(
            "the partitions reach to {end} bytes, and `min-size` is {}",
            board.disk.min_size
        );
        top.report(
            Diagnostic::new("board::size", title)
                .label(top.span(), "no disk of that size would hold them"),
        );
    }
}
