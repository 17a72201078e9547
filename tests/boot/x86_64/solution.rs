//! apt chooses the same packages from the same archives for the same request.

use super::{BUILT, SETTINGS, TARGET};
use crate::apt::Apt;
use crate::command::{run, stdout};
use crate::support::run_folder;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// Name and version.
type Chosen = BTreeSet<(String, String)>;

#[test]
fn x86_64_apt_chooses_the_same_packages() {
    let mut command = BUILT.user.imgbuild();
    command
        .arg("plan")
        .args(TARGET)
        .args(SETTINGS)
        .arg("--json");
    let plan: Value =
        serde_json::from_str(&stdout(command.arg("--lock").arg(&BUILT.lock))).unwrap();
    let words = |list: &Value| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let apt = Archives::new(&words(&plan["spec"]["board"]["suite"]["components"]));
    let mut request = words(&plan["spec"]["packages"]);
    request.extend(apt.base());
    request.extend(
        words(&plan["spec"]["never"])
            .iter()
            .map(|name| format!("{name}-")),
    );
    let theirs = apt.install(&request, plan["spec"]["recommends"].as_bool().unwrap());
    let text = |package: &Value, field: &str| package[field].as_str().unwrap().to_owned();
    let ours: Chosen = plan["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (text(package, "name"), text(package, "version")))
        .collect();
    assert!(ours.len() > 100);
    let ours_only: Vec<_> = ours.difference(&theirs).collect();
    let theirs_only: Vec<_> = theirs.difference(&ours).collect();
    assert!(
        ours == theirs,
        "only ours: {ours_only:?}, only apt's: {theirs_only:?}"
    );
}

/// apt with the archives of the lock and nothing installed.
struct Archives(Apt);

impl Archives {
    fn new(components: &[String]) -> Self {
        let root = run_folder().join("apt");
        fs_err::create_dir_all(&root).unwrap();
        let lock: toml::Table = fs_err::read_to_string(&BUILT.lock)
            .unwrap()
            .parse()
            .unwrap();
        let keyring =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("keyrings/debian-archive-keyring.pgp");
        // apt recognizes the format of a keyring by the end of its name.
        fs_err::copy(keyring, root.join("debian.gpg")).unwrap();
        let (shown, mut sources) = (root.display(), String::new());
        for repository in lock["repositories"].as_array().unwrap() {
            let (url, name) = (
                repository["url"].as_str().unwrap(),
                repository["name"].as_str().unwrap(),
            );
            let suite = name.split_once('/').unwrap().1;
            let components = components.join(" ");
            writeln!(
                sources,
                "deb [signed-by={shown}/debian.gpg] {url} {suite} {components}"
            )
            .unwrap();
        }
        let apt = Apt::new(&root, "amd64", &sources, "");
        run(apt
            .command("apt-get")
            .args(["--error-on=any", "-q", "update"]));
        Self(apt)
    }

    /// The base of a Debian system: packages that are essential or of priority `required`.
    fn base(&self) -> BTreeSet<String> {
        let text = stdout(self.0.command("apt-cache").arg("dumpavail"));
        let fields = |stanza: &str| -> BTreeMap<String, String> {
            let pairs = stanza.lines().filter_map(|line| line.split_once(": "));
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        };
        let is = |fields: &BTreeMap<String, String>, name: &str, value: &str| {
            fields.get(name).is_some_and(|found| found == value)
        };
        let base = text
            .split("\n\n")
            .map(fields)
            .filter(|fields| is(fields, "Essential", "yes") || is(fields, "Priority", "required"));
        base.map(|fields| fields["Package"].clone()).collect()
    }

    fn install(&self, packages: &[String], recommends: bool) -> Chosen {
        let mut command = self.0.command("apt-get");
        command.args([
            "-q",
            "--simulate",
            "-o",
            &format!("APT::Install-Recommends={recommends}"),
        ]);
        let text = stdout(command.arg("install").args(packages));
        // Inst adduser (3.152 Debian:13.1/stable [all])
        let installed = text.lines().filter_map(|line| line.strip_prefix("Inst "));
        let chosen = installed.map(|line| {
            let (name, rest) = line.split_once(" (").unwrap();
            (name.to_owned(), rest.split(' ').next().unwrap().to_owned())
        });
        chosen.collect()
    }
}
