//! apt and dpkg read the test archive and its packages, which shows that both are well-formed.
#![expect(clippy::unwrap_used, reason = "a failing helper fails the test")]

use super::fixture::{Fixture, archive, hello};
use crate::apt::Apt;
use crate::command::{run, stdout};
use crate::mirror::{Compression, Server, TestKey};
use imgbuild::digest::Sha256;
use std::path::Path;
use std::process::{Command, Output};

/// apt-get, which trusts `key` and has read the archive of `server`, or the reason why it refused that.
fn apt(folder: &Path, server: &Server, key: &TestKey) -> (Apt, Output) {
    let keyring = folder.join("key.gpg");
    fs_err::write(&keyring, key.keyring()).unwrap();
    let (keyring, url) = (keyring.display(), server.url());
    let source = format!("deb [signed-by={keyring}] {url} trixie main\n");
    let apt = Apt::new(folder, "arm64", &source, "");
    let update = get(&apt).args(["update", "--error-on=any"]).output();
    (apt, update.unwrap())
}

/// apt-get, without a proxy.
fn get(apt: &Apt) -> Command {
    let mut get = apt.command("apt-get");
    get.args(["-o", "Acquire::http::Proxy=DIRECT"]);
    get
}

#[test]
fn archive_of_tests_is_accepted_by_apt() {
    let fixture = Fixture::of(&archive());
    let folder = tempfile::tempdir().unwrap();
    let (apt, updated) = apt(folder.path(), &fixture.server, &TestKey::new(1));
    assert!(updated.status.success(), "{updated:?}");
    let mut download = get(&apt);
    download.args(["download", "hello", "hello-doc"]);
    run(download.current_dir(folder.path()));
    let deb = fs_err::read(folder.path().join("hello_1.0-1_arm64.deb")).unwrap();
    assert_eq!(Sha256::of(&deb), archive().locked("hello").sha256);
}

#[test]
fn archive_signed_by_another_key_is_refused_by_apt() {
    let fixture = Fixture::of(&archive());
    let folder = tempfile::tempdir().unwrap();
    let (_, refused) = apt(folder.path(), &fixture.server, &TestKey::new(2));
    assert!(!refused.status.success(), "{refused:?}");
}

#[test]
fn archive_packages_are_accepted_by_dpkg_deb() {
    let folder = tempfile::tempdir().unwrap();
    let compressions = [
        Compression::None,
        Compression::Gz,
        Compression::Xz,
        Compression::Zst,
    ];
    for (number, compression) in compressions.into_iter().enumerate() {
        let path = folder.path().join(format!("{number}.deb"));
        fs_err::write(&path, hello().compression(compression).build()).unwrap();
        let info = stdout(Command::new("dpkg-deb").arg("--info").arg(&path));
        for part in [
            " Package: hello\n",
            " Depends: libc6 (>= 2.36)\n",
            "postinst",
            "conffiles",
        ] {
            assert!(info.contains(part), "{part}: {info}");
        }
        let contents = stdout(Command::new("dpkg-deb").arg("--contents").arg(&path));
        let lines: Vec<String> = contents
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                format!(
                    "{} {} {} {}",
                    words[0],
                    words[1],
                    words[2],
                    words[5..].join(" ")
                )
            })
            .collect();
        assert_eq!(
            lines,
            [
                "drwxr-xr-x root/root 0 ./",
                "drwxr-xr-x root/root 0 ./usr/",
                "drwxr-xr-x root/root 0 ./usr/bin/",
                "-rwxr-xr-x root/root 21 ./usr/bin/hello",
                "lrwxrwxrwx root/root 0 ./usr/bin/greet -> hello",
                "hrwxr-xr-x root/root 0 ./usr/bin/hallo link to ./usr/bin/hello",
                "drwxr-xr-x root/root 0 ./etc/",
                "-rw-r--r-- root/root 17 ./etc/hello.conf",
                "drwxr-xr-x root/root 0 ./var/",
                "drwxr-xr-x root/root 0 ./var/lib/",
                "drwxr-x--- root/root 0 ./var/lib/hello/",
            ]
        );
    }
}
