//! apt and dpkg read the test archive and its packages, which shows that both are well-formed.
#![expect(clippy::unwrap_used, reason = "a failing helper fails the test")]

use super::fixture::{Fixture, archive, hello};
use crate::mirror::{Compression, Server, TestKey};
use crate::support::judge;
use imgbuild::digest::Sha256;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// apt, with its programs and nothing else of this machine.
fn apt(folder: &Path, arguments: &[&str]) -> Command {
    let config = format!(
        "Dir \"{folder}\";\nDir::State::status \"{folder}/status\";\n\
         Dir::Bin::methods \"/usr/lib/apt/methods\";\nAPT::Architecture \"arm64\";\n\
         APT::Architectures {{ \"arm64\"; }};\nAPT::Sandbox::User \"\";\n\
         Acquire::http::Proxy \"DIRECT\";\nAcquire::Languages \"none\";\n",
        folder = folder.display()
    );
    fs_err::write(folder.join("apt.conf"), config).unwrap();
    let mut command = Command::new("apt-get");
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        .env("LC_ALL", "C.UTF-8");
    command
        .env("APT_CONFIG", folder.join("apt.conf"))
        .args(arguments)
        .current_dir(folder);
    command
}

fn apt_folder(server: &Server, key: &TestKey) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in [
        "etc/apt/preferences.d",
        "var/lib/apt/lists/partial",
        "var/cache/apt/archives/partial",
    ] {
        fs_err::create_dir_all(folder.path().join(path)).unwrap();
    }
    let keyring = folder.path().join("key.gpg");
    fs_err::write(&keyring, key.keyring()).unwrap();
    fs_err::write(folder.path().join("status"), "").unwrap();
    let (keyring, url) = (keyring.display(), server.url());
    let line = format!("deb [signed-by={keyring}] {url} trixie main\n");
    fs_err::write(folder.path().join("etc/apt/sources.list"), line).unwrap();
    folder
}

#[test]
fn archive_of_tests_is_accepted_by_apt() {
    let fixture = Fixture::of(&archive());
    let folder = apt_folder(&fixture.server, &TestKey::new(1));
    judge(&mut apt(folder.path(), &["update", "--error-on=any"]));
    judge(&mut apt(folder.path(), &["download", "hello", "hello-doc"]));
    let deb = fs_err::read(folder.path().join("hello_1.0-1_arm64.deb")).unwrap();
    assert_eq!(Sha256::of(&deb), archive().locked("hello").sha256);
}

#[test]
fn archive_signed_by_another_key_is_refused_by_apt() {
    let fixture = Fixture::of(&archive());
    let folder = apt_folder(&fixture.server, &TestKey::new(2));
    let output = apt(folder.path(), &["update", "--error-on=any"])
        .output()
        .unwrap();
    assert!(!output.status.success(), "{output:?}");
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
        let info = judge(Command::new("dpkg-deb").arg("--info").arg(&path));
        let info = String::from_utf8(info.stdout).unwrap();
        for part in [
            " Package: hello\n",
            " Depends: libc6 (>= 2.36)\n",
            "postinst",
            "conffiles",
        ] {
            assert!(info.contains(part), "{part}: {info}");
        }
        let contents = judge(Command::new("dpkg-deb").arg("--contents").arg(&path));
        let contents = String::from_utf8(contents.stdout).unwrap();
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
