//! A release appears whole or not at all, and foreign programs take each of its files.

mod documents;
mod etcher;
mod origins;
mod refusals;

use crate::command::{self, stdout};
use crate::fixture::{Fixture, names};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder in which ci/setup installs the programs from PyPI that judge releases.
const ORACLES: &str = "/usr/local/lib/imgbuild-oracles/release";

/// The files of a release of the test's board and profile, in the order of their names.
const FILES: [&str; 8] = [
    "SHA256SUMS",
    "imager.json",
    "manifest.json",
    "tiny-greeter.cdx.json",
    "tiny-greeter.img",
    "tiny-greeter.img.bmap",
    "tiny-greeter.img.xz",
    "tiny-greeter.lock",
];
const SPDX: &str = "tiny-greeter.spdx.json";

impl Fixture {
    /// The path of the release that the test makes.
    fn release_path(&self) -> PathBuf {
        self.path("out/release")
    }

    /// A release at [`Fixture::release_path`], with the raw image as well.
    fn release(&self) -> Command {
        let mut command = self.sub("release");
        command.arg("--output").arg(self.release_path());
        command.args(["--format", "img", "--format", "img.xz"]);
        command
    }

    /// The JSON file `name` of the release.
    fn document(&self, name: &str) -> Value {
        let text = fs_err::read(self.release_path().join(name)).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// Fails the test if anything of a release is there.
    fn assert_no_release(&self) {
        assert_eq!(self.outputs(), [""; 0]);
    }
}

/// A program from PyPI: the module that `module` names.
fn oracle(module: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command.env("PYTHONPATH", ORACLES);
    command.args(["-P", "-m", module]).args(arguments);
    command
}

/// Fails the test unless sha256sum finds every file of the release at `path` unchanged.
fn sha256sum(path: &Path) {
    let mut command = Command::new("sha256sum");
    command.args(["--check", "--strict", "SHA256SUMS"]);
    command::run(command.current_dir(path));
}

/// Fails the test unless the program that SPDX's own group maintains finds no fault in the SPDX document at `path`.
fn pyspdxtools(path: &Path) {
    let module = "spdx_tools.spdx.clitools.pyspdxtools";
    command::run(&mut oracle(module, &["--infile", path.to_str().unwrap()]));
}

/// Fails the test unless the SPDX document at `path` has the minimum elements of the NTIA.
fn ntia(path: &Path) {
    let arguments = ["--comply", "ntia", path.to_str().unwrap()];
    command::run(&mut oracle("ntia_conformance_checker.main", &arguments));
}

/// Fails the test unless CycloneDX's own library takes the document at `path` by its strict schema.
fn cyclonedx(path: &Path) {
    let script = "\
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(repr(error) if error else 0)
";
    let mut command = Command::new("/usr/bin/python3");
    command
        .env("PYTHONPATH", ORACLES)
        .args(["-P", "-c", script]);
    command::run(command.arg(path));
}

/// Fails the test unless the list at `path` is one for Raspberry Pi Imager.
fn imager(path: &Path) {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/os-list-schema.json");
    let arguments = [
        "--schemafile",
        schema.to_str().unwrap(),
        path.to_str().unwrap(),
    ];
    command::run(&mut oracle("check_jsonschema", &arguments));
}

/// The installed packages that dpkg lists in `image`: name, architecture and version.
fn dpkg_query(image: &Path) -> Vec<String> {
    let root = crate::bases::root(image);
    let folder = tempfile::tempdir().unwrap();
    let admin = folder.path().join("dpkg");
    for path in ["info", "updates", "triggers"] {
        fs_err::create_dir_all(admin.join(path)).unwrap();
    }
    let status = crate::bases::cat(root.path(), "/var/lib/dpkg/status");
    fs_err::write(admin.join("status"), status).unwrap();
    let mut command = Command::new("dpkg-query");
    command.arg("--admindir").arg(&admin);
    command.args([
        "--show",
        "--showformat",
        "${Package} ${Architecture} ${Version}\\n",
    ]);
    let mut lines: Vec<String> = stdout(&mut command).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The installed packages of a CycloneDX document, as [`dpkg_query`] gives them.
fn listed(bom: &Value) -> Vec<String> {
    let is_installed = |component: &&Value| {
        let properties = component["properties"].as_array();
        let mut properties = properties.into_iter().flatten();
        properties.any(|it| it["name"] == "imgbuild:installed" && it["value"] == "true")
    };
    let components = bom["components"].as_array().unwrap().iter();
    let line = |component: &Value| {
        let text = |key: &str| component[key].as_str().unwrap().to_owned();
        let purl = text("purl");
        let architecture = purl.split_once("arch=").unwrap().1;
        let architecture = architecture.split('&').next().unwrap();
        format!("{} {architecture} {}", text("name"), text("version"))
    };
    let mut lines: Vec<String> = components.filter(is_installed).map(line).collect();
    lines.sort();
    lines
}

/// The names and contents of the files of the release at `path`.
fn files(path: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| {
        let bytes = fs_err::read(path.join(&name)).unwrap();
        (name, bytes)
    };
    names(path).into_iter().map(read).collect()
}
