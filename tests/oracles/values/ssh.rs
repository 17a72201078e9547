//! Lines of authorized_keys: imgbuild accepts a line if sshd lets its owner in, and refuses it
//! otherwise.

use super::{PROGRAMS, Path, kind};
use crate::command::run;
use imgbuild::define::Raw;
use std::process::Command;

/// Options, right and wrong. `from` always includes the client.
const OPTIONS: [&str; 79] = [
    "",
    "restrict",
    "RESTRICT,No-PTY,x11-Forwarding",
    "cert-authority",
    "restrict,cert-authority,principals=\"tester,other\"",
    "no-cert-authority",
    "no-restrict",
    "no-agent-forwarding,no-port-forwarding,no-user-rc,no-touch-required,verify-required",
    "restrict,pty,user-rc,agent-forwarding,port-forwarding,no-X11-forwarding",
    "restrict,",
    ",restrict",
    "restrict,,pty",
    "restrict pty",
    "restrict=\"yes\"",
    "pty2",
    "nonsense",
    "ssh",
    "from=\"127.0.0.0/8\"",
    "from=\"127.0.0.1\"",
    "from=\"127.0.0.1/8\"",
    "from=\"127.0.0.0/8,10.0.0.0/8,192.168.0.0/16,2001:db8::/32,::1,*.example.org\"",
    "from=\"127.0.0.0/8,10.0.0.1/8\"",
    "from=\"127.0.0.0/8,2001:db8::1/32\"",
    "from=\"127.0.0.0/8,10.0.0.0/33\"",
    "from=\"!10.0.0.0/8\"",
    "from=\"!10.0.0.1,!*\"",
    "from=\"127.0.0.0/8,,::1\"",
    "from=\"127.0.0.0/8,\"",
    "from=\"127.0.0.0/8,!10.0.0.0/8\"",
    "from=\"127.0.0.?\"",
    "from=\"\"",
    "from=127.0.0.1",
    "from=\"127.0.0.1",
    "from=\"127.0.0.1\",from=\"127.0.0.1\"",
    "FROM=\"127.0.0.1\",restrict",
    "command=\"echo a b, \\\"c\\\"\"",
    "command=\"echo \\\\ # $HOME 'x'\"",
    "command=\"echo \\\"",
    "command=\"\"",
    "command=\"a\",command=\"b\"",
    "command=\"a\"b",
    "command=a",
    "command",
    "command=\"caf\u{e9} \u{1f4e1}\",no-pty",
    "principals=\"tester\"",
    "expiry-time=\"20990101\"",
    "expiry-time=\"20990101Z\"",
    "expiry-time=\"20990101utc\"",
    "expiry-time=\"209901011200\"",
    "expiry-time=\"20990101120000z\"",
    "expiry-time=\"20991301\"",
    "expiry-time=\"20990132\"",
    "expiry-time=\"209901012460\"",
    "expiry-time=\"2099-01-01\"",
    "expiry-time=\"tomorrow\"",
    "expiry-time=\"\"",
    "environment=\"A_1=b c\"",
    "environment=\"A-1=b\"",
    "environment=\"A\"",
    "environment=\"=b\"",
    "environment=\"A=\",environment=\"B=c\"",
    "permitopen=\"host.example:80\"",
    "permitopen=\"[2001:db8::1]:*\",permitopen=\"192.0.2.1:443\"",
    "permitopen=\"host.example\"",
    "permitopen=\"80\"",
    "permitopen=\"host:0\"",
    "permitopen=\"host:65536\"",
    "permitopen=\"a/80\"",
    "permitopen=\"[::1]80\"",
    "permitlisten=\"8080\"",
    "permitlisten=\"localhost:8080\"",
    "permitlisten=\"localhost:http2go\"",
    "permitlisten=\"*\"",
    "permitlisten=\"65536\"",
    "tunnel=\"0\"",
    "tunnel=\"any\",tunnel=\"2147483645\"",
    "tunnel=\"2147483646\"",
    "tunnel=\"x\"",
    "agent-forwarding=\"\"",
];

/// Texts that may follow a key.
const COMMENTS: [&str; 8] = [
    "",
    " me@home",
    " me, at home",
    "\tme\tat home ",
    " \"me",
    " #1 caf\u{e9} \u{1f4e1}",
    " ssh-ed25519 AAAA",
    "\r",
];

/// Keys of each type, the last two of which are in a hardware token, and a text that is not a key.
const KEYS: [&str; 9] = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJyb2tlbmJyb2tlbmJyb2tlbmJyb2tlbmJyb2tlbmJy",
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQD1iA03Hnhda8GuJXTbv03FHShUGAFZXZ/ouDqzc7w2bzgkk/juXJ7HvP86wRrHAN2nYv2SwYVELfTRgh+q0FAoG358NnKeEQggvJGcdyoll7qfB2ifMjgVtTjkErbYR+5DjiKRl3bJIZnF8dMzdzf2Ct8r1tCTKph0bnTNg1oUXQ==",
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBAC5lmb8BFKXGxvk6Wi5VaYPS7pVdXZSe3ruMieL1/zCiwqtD9gBJboQUizbVYzKDsOYaqddQ3OgTJXPnBP3jA0=",
    "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBMLwwlnJuJaiPN5C9fnOosUcYunBiMwu8R2kEF5YhFJaNEFY2Z+mOR2mgI8M8ZsoGxcINDNKYBmMaLVYuXy3W6Nh7gl7ID97RMegpjlAc9Ekl+xpChwLUhmSjf5jq+O4hw==",
    "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAGqnctYooyxFq1JlgK59osm6x5JSLB8tX+rKVuZe9HaU7/O8jZdtANbR8h+i/Y81OKa4tJ9XorUAjhtlp4mVL2X0ACvhazOFjc+CelMrhXCao7B0HzzmB7jCT994gnqEVOWSo3FGby4o7oPznoMy6jcmg+15pK1LtRcSgB/8ZYl4kagow==",
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIGJyb2tlbmJyb2tlbmJyb2tlbmJyb2tlbmJyb2tlbmJyAAAABHNzaDo=",
    "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBAC5lmb8BFKXGxvk6Wi5VaYPS7pVdXZSe3ruMieL1/zCiwqtD9gBJboQUizbVYzKDsOYaqddQ3OgTJXPnBP3jA0AAAAEc3NoOg==",
    "ssh-dss AAAAB3NzaC1kc3MAAACBAP",
    "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29t",
];

/// Texts for a key. The device must accept the same ones as imgbuild.
pub(crate) fn texts() -> Vec<String> {
    let options = OPTIONS.map(|options| format!("{options} {}{}", KEYS[0], COMMENTS[2]));
    let comments = COMMENTS.map(|comment| format!("restrict {}{comment}", KEYS[0]));
    let mut texts = [&options[..], &comments[..]].concat();
    texts.extend(KEYS.iter().flat_map(|key| damaged(key)));
    texts.push(format!("@{}", KEYS[0]));
    texts.push("-----BEGIN OPENSSH PRIVATE KEY-----".to_owned());
    texts
}

/// Texts for a list of keys.
pub(crate) fn lists() -> Vec<String> {
    let lines = OPTIONS.map(|options| format!("{options} {}{}", KEYS[0], COMMENTS[2]));
    let sound = lines.iter().filter(|line| takes(line));
    let sound: Vec<&str> = sound.map(String::as_str).collect();
    let file = format!("\u{feff}# mine\r\n\r\n{}\r\n", sound.join("\r\n"));
    let quoted = sound.iter().map(|line| format!("{line:?}"));
    let array = format!("[{}]", quoted.collect::<Vec<_>>().join(", "));
    let mut lists = vec![sound.join(","), sound.join("\n"), file, array];
    lists.extend(lines.iter().map(|line| format!("{},{line}", KEYS[0])));
    lists
}

/// A key in forms in which it was copied badly, and in its own form.
fn damaged(key: &str) -> Vec<String> {
    let at = (key.len() / 2) & !3;
    let (before, after) = key.split_at(at);
    let mut changed = key.to_owned();
    changed.replace_range(at..=at, if after.starts_with('A') { "B" } else { "A" });
    let texts = [
        key.to_owned(),
        changed,
        format!("{before}{}", &after[4..]),
        format!("{before} {after}"),
        format!("{key}AAAA"),
        key[..key.len() - 1].to_owned(),
        key.trim_end_matches('=').to_owned(),
        key.replace("AAAA", "AAAB"),
        key.replacen("ssh", "SSH", 1),
        key.replace(' ', ""),
    ];
    texts.to_vec()
}

fn takes(line: &str) -> bool {
    let raw = Raw::Text(line.to_owned());
    let taken = kind("ssh-key").read(&raw).is_some();
    assert_eq!(taken, kind("ssh-key").problem(line).is_none(), "{line}");
    taken
}

fn keygen(arguments: &[&str], path: &Path) {
    let mut command = Command::new("ssh-keygen");
    run(command.args(["-q"]).args(arguments).arg(path));
}

/// The keys of the client, and a certificate of another key that each has signed.
fn make_keys(folder: &Path, types: &[(&str, &str)]) {
    for (name, bits) in types {
        let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let kind = if *name == "ed25519" { name } else { kind };
        let path = folder.join(name);
        keygen(&["-t", kind, "-b", bits, "-N", "", "-f"], &path);
    }
    let user = folder.join("user-ed25519");
    keygen(&["-t", "ed25519", "-N", "", "-f"], &user);
    let authority = folder.join("ed25519");
    let authority = authority.to_str().unwrap();
    let public = user.with_extension("pub");
    keygen(&["-s", authority, "-I", "x", "-n", "tester"], &public);
    keygen(&["-t", "ed25519", "-N", "", "-f"], &folder.join("host"));
}

#[test]
fn sshd_lets_in_whose_line_is_taken_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let types = [
        ("ed25519", "256"),
        ("rsa", "1024"),
        ("ecdsa256", "256"),
        ("ecdsa384", "384"),
        ("ecdsa521", "521"),
    ];
    make_keys(folder.path(), &types);
    let mut lines = Vec::new();
    for (name, _) in types {
        let public = folder.path().join(name).with_extension("pub");
        let public = fs_err::read_to_string(public).unwrap();
        let key = public.trim().rsplit_once(' ').unwrap().0.to_owned();
        let (options, comments) = match name {
            "ed25519" => (&OPTIONS[..], &COMMENTS[..]),
            _ => (&OPTIONS[1..3], &COMMENTS[2..3]),
        };
        lines.extend(options.iter().map(|it| (name, format!("{it} {key}"))));
        lines.extend(comments.iter().map(|it| (name, format!("{key}{it}"))));
    }
    for (index, (name, line)) in lines.iter().enumerate() {
        let case = folder.path().join(format!("{index:04}"));
        fs_err::create_dir(&case).unwrap();
        let raw = Raw::Text(line.clone());
        let taken = kind("ssh-key").read(&raw);
        let text = match &taken {
            Some(imgbuild::define::Value::Text(text)) => text,
            _ => line,
        };
        fs_err::write(case.join("authorized_keys"), format!("{text}\n")).unwrap();
        fs_err::write(case.join("type"), name).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/values/ssh.sh");
    let mut inside = Command::new("unshare");
    inside.args([
        "--user",
        "--map-user=1000",
        "--map-group=1000",
        "--keep-caps",
    ]);
    inside.args([
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "bash",
    ]);
    run(inside.arg(script).arg(PROGRAMS).arg(folder.path()));
    let mut wrong = Vec::new();
    for (index, (_, line)) in lines.iter().enumerate() {
        let case = folder.path().join(format!("{index:04}"));
        if takes(line) != case.join("in").exists() {
            let log = fs_err::read_to_string(case.join("log")).unwrap();
            let output = log.lines().filter(|line| line.contains("/tmp/keys"));
            let output: Vec<&str> = output.collect();
            let problem = kind("ssh-key").problem(line);
            wrong.push(format!("{line:?}: {problem:?}, sshd: {output:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_openssh_reads_as_a_key_is_taken_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let rsa = |bits: usize| {
        let mut blob = Vec::new();
        let modulus = [&[0][..], &vec![0xff; bits / 8]].concat();
        for field in [b"ssh-rsa".to_vec(), vec![1, 0, 1], modulus] {
            blob.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
            blob.extend(field);
        }
        fs_err::write(&path, blob).unwrap();
        let encoded = run(Command::new("base64").arg("-w0").arg(&path)).stdout;
        format!("ssh-rsa {}", String::from_utf8(encoded).unwrap())
    };
    let mut texts: Vec<String> = KEYS.iter().flat_map(|key| damaged(key)).collect();
    // OpenSSH 9 still reads DSA keys and certificates, but sshd lets nobody in with either.
    texts.retain(|text| !text.contains("dss") && !text.contains("-cert-v01"));
    texts.extend([512, 1016, 1024, 16_384].map(rsa));
    for text in texts {
        fs_err::write(&path, format!("{text}\n")).unwrap();
        let mut keygen = Command::new("ssh-keygen");
        let output = keygen.arg("-l").arg("-f").arg(&path).output().unwrap();
        assert_eq!(takes(&text), output.status.success(), "{text}: {output:?}");
    }
}
