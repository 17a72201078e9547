//! Images and locks that this program made, against each other and against those of others.

use super::{by_comm, by_dpkg, files, is_empty_but, packages};
use crate::bases::{self, LATER};
use crate::fixture::{Fixture, run};
use crate::inspect::made::Made;
use crate::test_debian;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The difference of `images` as JSON.
fn diff(fixture: &Fixture, images: [&Path; 2]) -> Value {
    let mut command = fixture.bare(&["diff", "--json"]);
    let finished = run(command.args(images)).ended(1);
    serde_json::from_str(&finished.stdout).unwrap()
}

/// The packages of `image` by dpkg, from the database that debugfs takes out of it.
fn installed(fixture: &Fixture, image: &Path, name: &str) -> Vec<String> {
    let root = bases::root(image);
    let folder = fixture.path(name).join("var/lib");
    fs_err::create_dir_all(&folder).unwrap();
    let request = format!("rdump /var/lib/dpkg {}", folder.display());
    bases::output(
        "/usr/sbin/debugfs",
        &["-R", &request, root.path().to_str().unwrap()],
    );
    by_dpkg(&fixture.path(name))
}

/// Builds the image of the test, and gives it the name `name`.
fn build(fixture: &Fixture, name: &str, arguments: &[&str]) -> PathBuf {
    run(fixture.build().args(arguments)).succeeded();
    let image = fixture.path(name);
    fs_err::rename(fixture.image(), &image).unwrap();
    image
}

#[test]
fn a_build_of_a_later_archive_has_newer_packages_and_their_files() {
    let fixture =
        Fixture::of(&test_debian::archive().package(test_debian::versioned("extra", "1.0")));
    fixture.edit(
        "profiles/greeter/profile.toml",
        "[\"hello\"]",
        "[\"hello\", \"extra\"]",
    );
    let before = build(&fixture, "before.img", &[]);
    let again = build(&fixture, "again.img", &[]);
    let equal = run(fixture.bare(&["diff"]).args([&before, &again])).succeeded();
    assert_eq!(equal.stdout, "no difference\n");

    let extra =
        test_debian::versioned("extra", "1.1").file("/usr/share/extra/NEWS", 0o644, b"news");
    fixture.publish(&test_debian::archive().package(extra).date(LATER));
    let after = build(&fixture, "after.img", &["--set", "greeting=good evening"]);
    let diff = diff(&fixture, [&before, &after]);
    let judge =
        [("one", &before), ("two", &after)].map(|(name, image)| installed(&fixture, image, name));
    let made = Made::new();
    assert_eq!(packages(&diff), by_comm(&made, judge));
    assert_eq!(diff["systems"][0]["packages"][0]["change"], "upgraded");
    let files = files(&diff);
    assert!(
        files.contains(&"/usr/share/extra/NEWS: added".to_owned()),
        "{files:#?}"
    );
    let greeting = files
        .iter()
        .find(|it| it.starts_with("/etc/greeting: "))
        .unwrap();
    assert!(
        greeting.starts_with("/etc/greeting: changed content"),
        "{greeting}"
    );
    let of_package = diff["files"].as_array().unwrap().iter();
    let news = of_package
        .clone()
        .find(|it| it["path"] == "/usr/share/extra/NEWS")
        .unwrap();
    assert_eq!(news["package"], "extra");
    assert_eq!(diff["faults"], json!([]));
    // The files of a package that changed are counted, and the others are listed.
    let text = run(fixture.bare(&["diff"]).args([&before, &after]))
        .ended(1)
        .stdout;
    assert!(text.contains("~ /etc/greeting: content"), "{text}");
    assert!(!text.contains("/usr/share/extra/NEWS"), "{text}");
    assert!(text.contains("package files"), "{text}");
}

#[test]
fn settings_are_compared_where_the_image_has_them() {
    let (fixture, base) = bases::fixture();
    bases::make_changeable(&fixture);
    let inject = |name: &str, greeting: &str| {
        let mut command = bases::inject(&fixture, &base);
        run(command.args(["--set", greeting])).succeeded();
        let image = fixture.path(name);
        fs_err::rename(fixture.image(), &image).unwrap();
        image
    };
    let before = inject("before.img", "hostname=first");
    let after = inject("after.img", "hostname=second");
    let diff = diff(&fixture, [&before, &after]);
    let system = &diff["systems"][0];
    let expected = json!([{
        "name": "hostname",
        "change": "changed",
        "fields": [{ "name": "value", "before": "first", "after": "second" }],
    }]);
    assert_eq!(system["settings"], expected);
    assert_eq!(
        system["system"][0],
        json!({ "name": "hostname", "before": "first", "after": "second" })
    );
}

#[test]
fn an_image_of_others_is_compared_with_one_of_this_program() {
    let (fixture, base) = bases::fixture();
    let made = Made::new();
    let diff = diff(&fixture, [&base, &made.image()]);
    let judge = [installed(&fixture, &base, "admin"), by_dpkg(&made.root())];
    assert_eq!(packages(&diff), by_comm(&made, judge));
    assert_eq!(diff["faults"], json!([]));
    let files = files(&diff);
    for path in ["/etc/greeting: removed", "/etc/haproxy/haproxy.cfg: added"] {
        assert!(
            files.contains(&path.to_owned()),
            "{path} is not in {files:#?}"
        );
    }
}

#[test]
fn two_locks_are_compared_also_through_pipes() {
    let fixture = Fixture::new();
    let lock = |name: &str| {
        let path = fixture.path(name);
        run(fixture.sub("lock").arg("--output").arg(&path)).succeeded();
        path
    };
    let before = lock("before.lock");
    let kmod = test_debian::versioned("hello", "1:0.5");
    fixture.publish(&test_debian::archive().package(kmod).date(LATER));
    let after = lock("after.lock");
    let diff = diff(&fixture, [&before, &after]);
    let packages = diff["packages"].as_array().unwrap();
    assert_eq!(packages.len(), 1, "{diff:#}");
    assert_eq!(packages[0]["name"], "hello");
    assert_eq!(
        (&packages[0]["before"], &packages[0]["after"]),
        (&json!("1.0"), &json!("1:0.5"))
    );
    assert_eq!(
        packages[0]["changelog"],
        "https://tracker.debian.org/pkg/hello"
    );
    is_empty_but(&diff, &["lock", "archives", "packages"]);
    run(fixture.bare(&["diff"]).args([&before, &before])).succeeded();
    let mut shell = Command::new("bash");
    fixture.surround(&mut shell);
    let line = format!(
        "'{}' diff <(cat '{}') '{}'",
        crate::fixture::PROGRAM,
        before.display(),
        after.display()
    );
    let text = run(shell.args(["-c", &line])).ended(1).stdout;
    assert!(
        text.contains("hello:") && text.contains("1.0 → 1:0.5"),
        "{text}"
    );
    let page = fixture.path("page.html");
    let mut html = fixture.bare(&["diff", "--html"]);
    run(html.arg(&page).args([&before, &after])).ended(1);
    let page = fs_err::read_to_string(page).unwrap();
    assert!(
        page.contains("href=\"https://tracker.debian.org/pkg/hello\""),
        "{page}"
    );
}
