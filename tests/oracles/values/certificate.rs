//! Certificates: this program accepts the same files as HAProxy.

use super::{PROGRAMS, Path, kind};
use crate::command::run;
use imgbuild::define::{Raw, Value};
use std::process::Command;

/// Files that HAProxy refuses as they are, but accepts after they were put in order.
const PUT_IN_ORDER: [&str; 6] = [
    "chain-first",
    "root-first",
    "mixed",
    "two-keys",
    "wrong-other",
    "indented",
];

/// Parts of the messages for refused files.
const REASONS: [(&str, &str); 17] = [
    ("closed-pkcs1", "is encrypted"),
    ("closed-pkcs8", "is encrypted"),
    ("cut", "`CERTIFICATE` that begins in line"),
    (
        "missing-line",
        "`CERTIFICATE` that begins in line 1 is damaged",
    ),
    ("no-certificate", "no certificate"),
    ("no-end", "`PRIVATE KEY` that begins in line"),
    ("no-key", "no private key"),
    ("no-pem", "it is not PEM"),
    ("nothing", "it is not PEM"),
    ("openssh", "the form of OpenSSH"),
    ("other-key", "belongs to another certificate"),
    ("other-rsa-key", "belongs to another certificate"),
    ("short", "RSA key of 1024 bits"),
    ("short-chain", "RSA key of 1024 bits"),
    ("wrong-chain", "is damaged"),
    (
        "wrong-digit",
        "`CERTIFICATE` that begins in line 1 is damaged",
    ),
    ("wrong-key", "its private key is damaged"),
];

/// The message of HAProxy for each file of `folder`; empty for a file that it accepts.
fn haproxy(folder: &Path) -> impl Fn(&str) -> String {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/values");
    let mut inside = Command::new("unshare");
    inside.args(["--map-root-user", "--mount", "--pid", "--fork"]);
    // Without a terminal it cannot ask for a password.
    inside.args(["--kill-child", "setsid", "--wait", "bash"]);
    run(inside
        .arg(scripts.join("haproxy.sh"))
        .arg(PROGRAMS)
        .arg(folder));
    let output = folder.join("output");
    move |name| fs_err::read_to_string(output.join(name)).unwrap()
}

#[test]
fn haproxy_takes_what_is_taken_and_nothing_that_it_takes_is_refused() {
    let (written, ordered) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/values/certificates.sh");
    run(Command::new("bash").arg(script).arg(written.path()));
    let names = imgbuild::listing::sorted(written.path()).unwrap();
    let names = names.into_iter().map(|name| name.into_string().unwrap());
    let names: Vec<String> = names.collect();
    let read = |name: &str| fs_err::read_to_string(written.path().join(name)).unwrap();
    let mut refused = Vec::new();
    for name in &names {
        let text = read(name);
        match kind("certificate").read(&Raw::Text(text.clone())) {
            Some(Value::Text(text)) => fs_err::write(ordered.path().join(name), text).unwrap(),
            _ => refused.push((name, kind("certificate").problem(&text).unwrap())),
        }
    }
    let (raw, ours) = (haproxy(written.path()), haproxy(ordered.path()));
    let mut wrong = Vec::new();
    for name in &names {
        let raw = raw(name);
        match refused.iter().find(|(refused, _)| *refused == name) {
            Some((_, why)) if raw.is_empty() => wrong.push(format!("{name}: refused: {why}")),
            Some(_) => assert!(!PUT_IN_ORDER.contains(&&**name), "{name}: {refused:?}"),
            None if !ours(name).is_empty() => wrong.push(format!("{name}: {}", ours(name))),
            None => assert_eq!(
                PUT_IN_ORDER.contains(&&**name),
                !raw.is_empty(),
                "{name}: {raw}"
            ),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let output: Vec<(&str, &str)> = refused
        .iter()
        .map(|(name, why)| (name.as_str(), why.as_str()))
        .collect();
    let names: Vec<&str> = output.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, REASONS.map(|(name, _)| name), "{output:?}");
    for ((name, why), (_, reason)) in output.into_iter().zip(REASONS) {
        assert!(why.contains(reason), "{name}: {why}");
    }
}
