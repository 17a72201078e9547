//! dpkg and apt as oracles of versions and of the solver.
//!
//! apt works with archives that are made here and with its own configuration. It reads no packages
//! or sources of this machine.
#![expect(clippy::unwrap_used, reason = "a failing helper fails the test")]

mod preferences;

use imgbuild::apt::index::Index;
use imgbuild::apt::solve::{Request, Solution, SolveError, Universe, solve};
use imgbuild::architecture::Architecture;
use imgbuild::digest::Sha256;
use imgbuild::dpkg::version;
use std::fmt::Write as _;
use std::process::{Command, Output};
use tempfile::TempDir;

use crate::apt;
use crate::command::{run, stdout};

/// Pseudo-random numbers, the same in every run.
struct Numbers(u64);

impl Numbers {
    /// A number below `end` (Marsaglia's xorshift64).
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap()).unwrap()
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    /// True in one of `n` cases.
    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

#[test]
fn dpkg_orders_versions_alike() {
    let parts = [
        "0", "1", "09", "10", "a", "b", "~", "~~", "+", ".", "-", "~rc1", "+deb13u1",
    ];
    let mut numbers = Numbers(1);
    let mut generate = || {
        let epoch = numbers.one_of(&["", "", "", "0:", "1:", "2:"]);
        let length = numbers.below(5);
        let rest: String = (0..length).map(|_| numbers.one_of(&parts)).collect();
        format!("{epoch}1{rest}")
    };
    let mut pairs = Vec::new();
    while pairs.len() < 300 {
        let (a, b) = (generate(), generate());
        if version::check(&a).is_ok() && version::check(&b).is_ok() {
            pairs.push((a, b));
        }
    }
    let mut script = String::from("c() { dpkg --compare-versions \"$@\"; }\n");
    for (a, b) in &pairs {
        writeln!(script, "if c '{a}' lt '{b}'; then echo Less").unwrap();
        writeln!(
            script,
            "elif c '{a}' eq '{b}'; then echo Equal; else echo Greater; fi"
        )
        .unwrap();
    }
    let output = stdout(Command::new("sh").args(["-c", &script]));
    let ours = pairs
        .iter()
        .map(|(a, b)| format!("{a} {b} {:?}", version::compare(a, b)));
    let theirs = pairs
        .iter()
        .zip(output.lines())
        .map(|((a, b), order)| format!("{a} {b} {order}"));
    assert_eq!(ours.collect::<Vec<_>>(), theirs.collect::<Vec<_>>());
}

/// The text that stands for an answer that removes packages.
const REMOVES: &str = "packages would be removed";

/// apt, with its own repositories and state.
struct Apt {
    _directory: TempDir,
    programs: apt::Apt,
}

impl Apt {
    /// Makes an apt that reads `indices`, the texts of Packages files, as repositories for
    /// `architecture`, with `status` as the installed packages.
    fn new<T: AsRef<str>>(indices: &[T], status: &str, architecture: Architecture) -> Self {
        Self::preferring(indices, &[], "", status, architecture)
    }

    /// The same with `releases`, the Release fields of the archives, and with `preferences`.
    fn preferring<T: AsRef<str>>(
        indices: &[T],
        releases: &[String],
        preferences: &str,
        status: &str,
        architecture: Architecture,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let shown = root.to_str().unwrap();
        let mut sources = String::new();
        for (n, text) in indices.iter().enumerate() {
            fs_err::create_dir(root.join(n.to_string())).unwrap();
            fs_err::write(root.join(format!("{n}/Packages")), text.as_ref()).unwrap();
            if let Some(release) = releases.get(n) {
                let (sum, len) = (Sha256::of(text.as_ref().as_bytes()), text.as_ref().len());
                let release = format!("{release}SHA256:\n {sum} {len} Packages\n");
                fs_err::write(root.join(format!("{n}/Release")), release).unwrap();
            }
            writeln!(sources, "deb [trusted=yes] file:{shown}/{n} ./").unwrap();
        }
        let programs = apt::Apt::new(root, architecture.debian(), &sources, status);
        fs_err::write(root.join("etc/preferences"), preferences).unwrap();
        run(programs.command("apt-get").args(["-q", "update"]));
        Self {
            _directory: directory,
            programs,
        }
    }

    /// The names and versions that apt would install for `packages`, sorted. If apt refuses, the
    /// error is its message.
    fn answer<P: AsRef<str>>(
        &self,
        packages: &[P],
        recommends: bool,
    ) -> Result<Vec<(String, String)>, String> {
        let mut command = self.programs.command("apt-get");
        let option = format!("APT::Install-Recommends={recommends}");
        command.args(["-q", "-s", "-V", "-o", &option, "install"]);
        command.args(packages.iter().map(AsRef::as_ref));
        let Output { stdout, stderr, .. } = command.output().unwrap();
        let text = String::from_utf8(stdout).unwrap();
        // The count of new packages ends the lists of decisions. apt may still fail in the order of
        // unpacking, which does not matter here.
        let Some((lists, _)) = text.split_once(" newly installed, ") else {
            return Err(format!("{text}{}", String::from_utf8_lossy(&stderr)));
        };
        if lists.contains("will be REMOVED") {
            return Err(REMOVES.to_owned());
        }
        let mut answer = Vec::new();
        let mut listed = false;
        for line in lists.lines() {
            match line.strip_prefix("   ").map(|entry| entry.split_once(" (")) {
                Some(Some((name, rest))) if listed => {
                    let version = rest.trim_end_matches(')').split(" => ").last().unwrap();
                    answer.push((name.to_owned(), version.to_owned()));
                }
                Some(_) => {}
                None => {
                    let headings = ["NEW packages will be installed", "will be upgraded"];
                    listed = headings.iter().any(|heading| line.contains(heading));
                }
            }
        }
        answer.sort();
        Ok(answer)
    }
}

fn ours(solution: &Solution<'_>) -> Vec<(String, String)> {
    let locked = solution.locked().into_iter();
    let mut answer: Vec<_> = locked
        .map(|package| (package.name, package.version))
        .collect();
    answer.sort();
    answer
}

/// The number of small sets of packages that are made.
const SETS: usize = 80;
const LETTERS: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];

/// A package of set `set`.
fn stanza(set: usize, name: &str, version: &str, numbers: &mut Numbers) -> String {
    let priority = numbers.one_of(&["important", "standard", "optional", "optional", "optional"]);
    let mut text = format!(
        "Package: w{set}-{name}\nVersion: {version}\nArchitecture: all\nPriority: {priority}\n"
    );
    let mut field = |field: &str, often: usize, numbers: &mut Numbers| {
        let count = if numbers.once_in(often) {
            1 + numbers.below(2)
        } else {
            0
        };
        let relations: Vec<String> = (0..count).map(|_| relation(set, field, numbers)).collect();
        if count != 0 {
            writeln!(text, "{field}: {}", relations.join(", ")).unwrap();
        }
    };
    field("Pre-Depends", 12, numbers);
    field("Depends", 2, numbers);
    field("Recommends", 4, numbers);
    field("Suggests", 6, numbers);
    field("Conflicts", 9, numbers);
    field("Breaks", 9, numbers);
    if numbers.once_in(3) {
        let name = numbers.one_of(&["v", "w"]);
        let version = numbers.one_of(&["", "", " (= 1)", " (= 2)"]);
        writeln!(text, "Provides: w{set}-{name}{version}").unwrap();
    }
    writeln!(text, "Filename: {name}.deb\nSize: 1\nSHA256: {:064}\n", 0).unwrap();
    text
}

fn relation(set: usize, field: &str, numbers: &mut Numbers) -> String {
    let negative = matches!(field, "Conflicts" | "Breaks");
    let alternatives = if negative {
        1
    } else {
        1 + numbers.below(5) / 3
    };
    let one = |numbers: &mut Numbers| {
        let name = match numbers.below(60) {
            0..48 => numbers.one_of(&LETTERS),
            48..59 => numbers.one_of(&["v", "w"]),
            _ => "missing",
        };
        let constraint = match numbers.below(4) {
            0 => format!(
                " ({} {})",
                numbers.one_of(&[">=", ">=", "<=", "<=", "<<", "=", ">>"]),
                numbers.one_of(&["1", "2", "2", "3"])
            ),
            _ => String::new(),
        };
        format!("w{set}-{name}{constraint}")
    };
    let relations: Vec<String> = (0..alternatives).map(|_| one(numbers)).collect();
    relations.join(" | ")
}

/// The Packages files of two repositories with the packages of all sets.
fn package_sets(numbers: &mut Numbers) -> [String; 2] {
    let mut indices = [String::new(), String::new()];
    for set in 0..SETS {
        for name in LETTERS {
            let version = numbers.one_of(&["1", "2", "2"]);
            indices[0] += &stanza(set, name, version, numbers);
            if numbers.once_in(4) {
                let version = numbers.one_of(&["1~", "3"]);
                indices[1] += &stanza(set, name, version, numbers);
            }
        }
    }
    indices
}

/// The universe of the repositories `0`, `1`, ….
fn universe(indices: &[String]) -> Universe {
    let named = indices.iter().enumerate();
    let named = named.map(|(n, text)| (n.to_string(), text.as_str().into()));
    Universe::new(named.collect(), Architecture::Amd64).unwrap()
}

/// Up to three packages of `set`.
fn request(set: usize, numbers: &mut Numbers) -> Request {
    let count = 1 + numbers.below(3);
    let names = (0..count).map(|_| format!("w{set}-{}", numbers.one_of(&LETTERS)));
    Request {
        packages: names.map(|name| name.parse().unwrap()).collect(),
        recommends: numbers.once_in(2),
        ..Request::default()
    }
}

/// The counts of results.
#[derive(Debug, Default)]
struct Tally {
    same: usize,
    searched: usize,
    refused: usize,
    would_remove: usize,
}

impl Tally {
    fn compare(&mut self, apt: &Apt, universe: &Universe, request: &Request, base: Option<&Index>) {
        let wanted: Vec<String> = request.packages.iter().map(ToString::to_string).collect();
        let theirs = apt.answer(&wanted, request.recommends);
        match (solve(universe, request, base), theirs) {
            (Ok(solution), Ok(theirs)) if !solution.searched => {
                assert_eq!(ours(&solution), theirs, "{wanted:?} {}", request.recommends);
                self.same += 1;
            }
            (Ok(solution), theirs) if solution.searched || theirs == Err(REMOVES.to_owned()) => {
                // apt repairs a broken selection in its own way and removes packages, which this
                // solver never does. It must at least agree that the solver's answer is consistent.
                let answer = ours(&solution);
                let exact = answer
                    .iter()
                    .map(|(name, version)| format!("{name}={version}"));
                let exact: Vec<String> = exact.collect();
                assert_eq!(
                    apt.answer(&exact, false).as_ref(),
                    Ok(&answer),
                    "{wanted:?}"
                );
                self.searched += 1;
            }
            (Err(SolveError::Unsolvable { .. }), Err(output)) if output == REMOVES => {
                self.would_remove += 1;
            }
            (Err(SolveError::Unsolvable { .. }), Err(_)) => self.refused += 1,
            (ours, theirs) => panic!("{wanted:?}: {ours:?}, but apt: {theirs:?}"),
        }
    }
}

#[test]
fn apt_gives_the_same_answers() {
    let mut numbers = Numbers(2);
    let indices = package_sets(&mut numbers);
    let apt = Apt::new(&indices, "", Architecture::Amd64);
    let universe = universe(&indices);
    let mut tally = Tally::default();
    for set in 0..SETS {
        let request = request(set, &mut numbers);
        tally.compare(&apt, &universe, &request, None);
    }
    assert!(tally.same > SETS / 2 && tally.refused > 0, "{tally:?}");
}

#[test]
fn apt_gives_the_same_answers_on_a_base() {
    let mut numbers = Numbers(3);
    let indices = package_sets(&mut numbers);
    let first = universe(&indices[..1]);
    let mut status = String::new();
    for set in 0..SETS {
        if let Ok(solution) = solve(&first, &request(set, &mut numbers), None) {
            for (name, _) in ours(&solution) {
                let head = format!("Package: {name}\n");
                let mut stanzas = indices[0].split_inclusive("\n\n");
                let stanza = stanzas.find(|stanza| stanza.starts_with(&head)).unwrap();
                status += &stanza.replace(&head, &format!("{head}Status: install ok installed\n"));
            }
        }
    }
    let apt = Apt::new(&indices, &status, Architecture::Amd64);
    let base = Index::status("status", status.as_str().into(), Architecture::Amd64).unwrap();
    let universe = universe(&indices);
    let mut tally = Tally::default();
    for set in 0..SETS {
        let request = request(set, &mut numbers);
        tally.compare(&apt, &universe, &request, Some(&base));
    }
    assert!(tally.same > SETS / 2 && tally.refused > 0, "{tally:?}");
}

#[test]
fn apt_accepts_what_the_search_finds() {
    let package = |name: &str, relations: &str| {
        format!(
            "Package: {name}\nVersion: 1\nArchitecture: all\n{relations}\nFilename: x.deb\nSize: 1\n\
             SHA256: {:064}\n\n",
            0
        )
    };
    // If they are followed in order, `x` takes `a`, which `c` then displaces.
    let index = [
        package("x", "Depends: a | b"),
        package("a", "Recommends: d"),
        package("b", "Recommends: d, c | e"),
        package("c", "Conflicts: a"),
        package("d", "Depends: e"),
        package("e", "Breaks: f"),
        package("f", "Breaks: c"),
    ]
    .concat();
    let indices = [index];
    let (apt, universe) = (
        Apt::new(&indices, "", Architecture::Amd64),
        universe(&indices),
    );
    let mut tally = Tally::default();
    for recommends in [false, true] {
        let packages = ["x", "c"].map(|name| name.parse().unwrap()).to_vec();
        let request = Request {
            packages,
            recommends,
            ..Request::default()
        };
        tally.compare(&apt, &universe, &request, None);
        let solution = solve(&universe, &request, None).unwrap();
        let names: Vec<String> = ours(&solution).into_iter().map(|(name, _)| name).collect();
        let expected = if recommends { "b c d e x" } else { "b c x" };
        assert_eq!(names.join(" "), expected);
    }
    assert_eq!(tally.searched, 2);
}
