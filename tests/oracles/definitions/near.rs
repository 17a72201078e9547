//! Definitions in the working directory: a link in them is not followed out of their folder, and a
//! definition of any size is refused at once if it is too large.

use super::{check, spec_of};
use crate::command;
use imgbuild::define::{Definitions, Overlay};
use imgbuild::diag::Diagnostics;
use imgbuild::specification::{BaseArgument, Spec, UserSettings};
use std::fmt::Write;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The content of a file that was not given to the program.
const SECRET: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";

/// A folder of definitions beside a private key.
struct Near {
    folder: TempDir,
}

impl Near {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(folder.path().join("home/.ssh")).unwrap();
        fs_err::write(folder.path().join("home/.ssh/id"), SECRET).unwrap();
        let near = Self { folder };
        near.write("profiles/p/profile.toml", &profile("overlays = [\"o\"]"));
        near.write("overlays/o/overlay.toml", "schema = 1\nhelp = \"x\"\n");
        near
    }

    fn path(&self, path: &str) -> PathBuf {
        let path = self.folder.path().join("clone").join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn write(&self, path: &str, text: &str) {
        fs_err::write(self.path(path), text).unwrap();
    }

    /// Replaces whatever is at `path` by a link.
    fn link(&self, path: &str, target: impl AsRef<Path>) {
        let path = self.path(path);
        let _ = fs_err::remove_file(&path);
        symlink(target, path).unwrap();
    }

    fn secret(&self) -> PathBuf {
        self.folder.path().join("home/.ssh/id")
    }

    fn definitions(&self) -> Definitions {
        Definitions::find(&[self.folder.path().join("clone")])
    }

    /// Checks the profile on an image, which has a name of its own.
    fn check(&self) -> Result<Spec, Diagnostics> {
        let user = UserSettings {
            base: Some(BaseArgument::Named("raspios-lite".to_owned())),
            ..UserSettings::default()
        };
        check(&self.definitions(), "rpi4", "p", &user)
    }

    /// Checks that the definitions are refused with all of `parts`, and without a word of the
    /// secret.
    fn refused(&self, parts: &[&str]) {
        let shown = match self.check() {
            Ok(spec) => panic!("accepted: {:?}", spec.overlays),
            Err(diagnostics) => diagnostics.to_string(),
        };
        for part in parts {
            assert!(shown.contains(part), "`{part}` is not in:\n{shown}");
        }
        assert!(!shown.contains("PRIVATE"), "{shown}");
    }

    fn overlay(&self) -> Overlay {
        let spec = self.check().unwrap_or_else(|problems| panic!("{problems}"));
        spec.overlays.into_iter().next().unwrap()
    }
}

fn profile(more: &str) -> String {
    format!("schema = 1\ntitle = \"x\"\n{more}\n")
}

const OUTSIDE: &str = "leads by a link out of its `boards/`, `profiles/` or `overlays/`";

#[test]
fn a_link_out_of_the_folder_of_definitions_is_refused_wherever_it_stands() {
    for path in ["profiles/p/profile.toml", "overlays/o/overlay.toml"] {
        let near = Near::new();
        for target in [near.secret(), PathBuf::from("../../../home/.ssh/id")] {
            near.link(path, target);
            near.refused(&[OUTSIDE, path]);
        }
    }
    // A link in the place of the folder of files, of the definition, and of all definitions of a
    // kind.
    for (path, target) in [
        ("overlays/o/root", "home/.ssh"),
        ("overlays/q", "home"),
        ("overlays", "home"),
        ("profiles", "home"),
    ] {
        let near = Near::new();
        let whole = near.path(path);
        if whole.exists() {
            fs_err::rename(&whole, near.folder.path().join("moved")).unwrap();
        }
        near.link(path, near.folder.path().join(target));
        if path == "overlays/q" {
            near.write("profiles/p/profile.toml", &profile("overlays = [\"q\"]"));
        }
        near.refused(&[OUTSIDE]);
    }
}

#[test]
fn a_link_from_one_kind_to_the_folder_that_holds_it_is_refused_too() {
    // This is a build in a home folder: the files beside `profiles/` are private.
    let near = Near::new();
    near.write("private.toml", SECRET);
    near.link("profiles/p/profile.toml", "../../private.toml");
    near.refused(&[OUTSIDE, "profiles/p/profile.toml"]);
}

#[test]
fn a_link_that_stays_inside_is_followed_for_definitions_and_kept_in_the_image() {
    let near = Near::new();
    near.write("profiles/q/shared.toml", &profile("overlays = [\"o\"]"));
    near.link("profiles/p/profile.toml", "../q/shared.toml");
    near.link("overlays/o/root/etc/a", near.secret());
    near.link("overlays/o/root/etc/b", "../../../../../../home/.ssh/id");
    near.link("overlays/o/root/etc/c", "/proc/self/environ");
    let overlay = near.overlay();
    assert!(overlay.files.is_empty(), "{:?}", overlay.files);
    let targets: Vec<&str> = overlay
        .symlinks
        .iter()
        .map(|link| link.target.as_str())
        .collect();
    let secret = near.secret().display().to_string();
    assert_eq!(
        targets,
        [
            secret.as_str(),
            "../../../../../../home/.ssh/id",
            "/proc/self/environ"
        ]
    );
}

#[test]
fn a_link_through_proc_is_refused() {
    for target in [
        "/proc/self/environ",
        "/proc/self/root/etc/hostname",
        "/proc/self/cwd",
    ] {
        let near = Near::new();
        near.link("profiles/p/profile.toml", target);
        near.refused(&[OUTSIDE]);
    }
}

#[test]
fn pipes_sockets_devices_and_circles_are_refused_at_once() {
    for path in ["profiles/p/profile.toml", "overlays/o/root/etc/x"] {
        let near = Near::new();
        let place = near.path(path);
        let _ = fs_err::remove_file(&place);
        assert!(
            Command::new("mkfifo")
                .arg(&place)
                .status()
                .unwrap()
                .success()
        );
        near.refused(&["is neither a file, a folder nor a symlink"]);
        fs_err::remove_file(&place).unwrap();
        let _socket = UnixListener::bind(&place).unwrap();
        near.refused(&["is neither a file, a folder nor a symlink"]);
    }
    let near = Near::new();
    near.link("profiles/p/profile.toml", "/dev/zero");
    near.refused(&[OUTSIDE]);
    near.link("profiles/p/profile.toml", "profile.toml");
    near.refused(&["profiles/p/profile.toml"]);
    // A folder in the place of a file is not a definition.
    let near = Near::new();
    fs_err::remove_file(near.path("profiles/p/profile.toml")).unwrap();
    fs_err::create_dir(near.path("profiles/p/profile.toml")).unwrap();
    near.refused(&["no profile is called `p`", "help: write its definition, `"]);
    // A file beside its folder is not a definition either.
    fs_err::remove_dir_all(near.path("profiles/p")).unwrap();
    fs_err::write(near.path("profiles/p.toml"), "schema = 1\n").unwrap();
    near.refused(&["no profile is called `p`", "help: move `"]);
}

#[test]
fn a_name_is_no_path() {
    let near = Near::new();
    for name in ["../overlays/o", "p/../p", "./p", "..", "", "p\0"] {
        let refused = check(&near.definitions(), "rpi4", name, &UserSettings::default());
        let shown = refused.unwrap_err().to_string();
        assert!(shown.contains("no profile is called"), "{name}: {shown}");
    }
    let long = "p".repeat(300);
    assert!(check(&near.definitions(), "rpi4", &long, &UserSettings::default()).is_err());
}

#[test]
fn what_is_too_large_is_refused_by_its_bound() {
    let near = Near::new();
    // The file is sparse: neither the disk nor the memory could hold it.
    let huge = |path: &str, len| {
        crate::command::resize(&near.path(path), len);
    };
    huge("profiles/p/profile.toml", 8 << 40);
    near.refused(&["is longer than 1048576 bytes"]);
    near.write("profiles/p/profile.toml", &profile("overlays = [\"o\"]"));
    huge("overlays/o/root/opt/a", 8 << 40);
    near.refused(&["is longer than 16777216 bytes"]);
    for n in 0..17 {
        huge(
            &format!("overlays/o/root/opt/{}", char::from(b'a' + n)),
            16 << 20,
        );
    }
    near.refused(&["are longer than 268435456 bytes together"]);
    fs_err::remove_dir_all(near.path("overlays/o/root")).unwrap();
    near.write(&format!("overlays/o/root/{}x", "d/".repeat(60)), "x");
    near.refused(&["folders deep"]);
    fs_err::remove_dir_all(near.path("overlays/o/root")).unwrap();
    for n in 0..10_001 {
        fs_err::create_dir_all(near.path(&format!("overlays/o/root/{n}"))).unwrap();
    }
    near.refused(&["more than 10000 files"]);
}

#[test]
fn sizes_tables_and_chains_of_profiles_have_bounds() {
    let near = Near::new();
    near.write(
        "profiles/p/profile.toml",
        &profile("root-margin = \"15TiB\""),
    );
    near.refused(&["no image is as long as 15TiB", "expected 64GiB at most"]);
    let mut settings = String::new();
    for n in 0..1001 {
        writeln!(settings, "[settings.s{n}]\ntype = \"port\"\nhelp = \"x\"").unwrap();
    }
    near.write("profiles/p/profile.toml", &profile(&settings));
    near.refused(&["`settings` has 1001 tables", "define::too-many"]);
    for n in 0..3000 {
        let name = if n == 0 {
            "p".to_owned()
        } else {
            format!("p{n}")
        };
        let text = profile(&format!("extends = [\"p{}\"]", n + 1));
        near.write(&format!("profiles/{name}/profile.toml"), &text);
    }
    near.refused(&[
        "more than 64 profiles build on each other",
        "1 mistake found",
    ]);
    // Each of 40 levels extends both profiles of the next one: there are 2^40 ways through 80
    // profiles.
    for n in 0..40 {
        let text = profile(&format!("extends = [\"a{}\", \"b{}\"]", n + 1, n + 1));
        for side in ["a", "b"] {
            near.write(&format!("profiles/{side}{n}/profile.toml"), &text);
        }
    }
    near.write("profiles/p/profile.toml", &profile("extends = [\"a0\"]"));
    for side in ["a", "b"] {
        near.write(&format!("profiles/{side}40/profile.toml"), &profile(""));
    }
    near.refused(&["more than 64 profiles build on each other"]);
    for n in 20..=21 {
        near.write(&format!("profiles/a{n}/profile.toml"), &profile(""));
        near.write(&format!("profiles/b{n}/profile.toml"), &profile(""));
    }
    near.check().unwrap_or_else(|problems| panic!("{problems}"));
    for (n, next) in [(0, 1), (1, 2), (2, 0)] {
        let text = profile(&format!("extends = [\"c{next}\"]"));
        near.write(&format!("profiles/c{n}/profile.toml"), &text);
    }
    near.write("profiles/p/profile.toml", &profile("extends = [\"c0\"]"));
    near.refused(&["`p` extends `c0` extends `c1` extends `c2` extends `c0`"]);
}

#[test]
fn twenty_thousand_mistakes_are_counted_and_a_hundred_shown() {
    let near = Near::new();
    let unknown: String = (0..20_000).map(|n| format!("titel{n} = 1\n")).collect();
    near.write("profiles/p/profile.toml", &profile(&unknown));
    let shown = near.check().unwrap_err().to_string();
    assert!(
        shown.ends_with("20000 mistakes found; the first 100 are shown\n"),
        "{shown}"
    );
    assert!(shown.len() < 40_000, "{} bytes", shown.len());
    let deep = format!("boards = {}{}", "[".repeat(50_000), "]".repeat(50_000));
    near.write("profiles/p/profile.toml", &profile(&deep));
    near.refused(&["not TOML: ", "max recursion depth met"]);
    let deep = format!("boards = {}1{}", "{a=".repeat(50_000), "}".repeat(50_000));
    near.write("profiles/p/profile.toml", &profile(&deep));
    near.refused(&["not TOML: "]);
    let list: String = (0..100_000).map(|n| format!("\"{n}\",")).collect();
    near.write(
        "profiles/p/profile.toml",
        &profile(&format!("packages.install = [{list}]")),
    );
    near.check().unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn what_is_not_shipped_is_named_once_with_its_place() {
    assert_eq!(spec_of("base", &UserSettings::default()).remarks, [""; 0]);
    let near = Near::new();
    near.write("profiles/base/profile.toml", &profile(""));
    near.write(
        "profiles/p/profile.toml",
        &profile("extends = [\"base\"]\noverlays = [\"o\"]"),
    );
    let remarks = near.check().unwrap().remarks;
    let clone = near.folder.path().join("clone").display().to_string();
    assert_eq!(
        remarks,
        [
            format!("profile `p` is not a shipped one: {clone}/profiles/p/profile.toml"),
            format!(
                "profile `base` is not the shipped one, in whose place it stands: \
                 {clone}/profiles/base/profile.toml"
            ),
            format!("overlay `o` is not a shipped one: {clone}/overlays/o/overlay.toml"),
        ]
    );
}

/// In a clone of the sources, what is shipped is also near.
#[test]
fn a_copy_of_what_is_shipped_is_named_as_soon_as_it_differs() {
    let near = Near::new();
    let clone = near.folder.path().join("clone");
    for name in ["profiles/base", "overlays/base"] {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let copy = clone.join(name);
        fs_err::remove_dir_all(&copy).ok();
        fs_err::create_dir_all(copy.parent().unwrap()).unwrap();
        command::run(Command::new("cp").arg("-r").arg(shipped).arg(copy));
    }
    near.write("profiles/p/profile.toml", &profile("extends = [\"base\"]"));
    let named = || {
        let remarks = near.check().unwrap().remarks;
        let about = |name: &str| remarks.iter().any(|remark| remark.contains(name));
        (about("profile `base`"), about("overlay `base`"))
    };
    assert_eq!(named(), (false, false));
    let own = clone.join("overlays/base/root/etc/motd");
    fs_err::create_dir_all(own.parent().unwrap()).unwrap();
    fs_err::write(&own, "hello\n").unwrap();
    assert_eq!(named(), (false, true));
    fs_err::remove_file(own).unwrap();
    let definition = clone.join("profiles/base/profile.toml");
    let text = fs_err::read_to_string(&definition).unwrap();
    fs_err::write(definition, format!("{text}# changed\n")).unwrap();
    assert_eq!(named(), (true, false));
}
