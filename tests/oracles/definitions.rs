//! Definitions as their authors see them: the shipped ones are sound and documented, and for every
//! possible mistake there is a file in `tests/data/bad/` with the message beside it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "definitions/near.rs"]
mod near;

use imgbuild::define::{Board, Definitions, Keys, ProfileFile, board, overlay, profile};
use imgbuild::diag::Diagnostics;
use imgbuild::listing;
use imgbuild::specification::{
    self, BaseArgument, GivenSecret, Secret, SettingsFile, Spec, UserSettings, check, system,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The settings without which an exit relay cannot be built: its operator must accept what an exit
/// means.
const EXIT: [&str; 3] = [
    "i-accept-exit-liability=true",
    "contact=relay[at]example.org",
    "exit-hostname=tor-exit.example.org",
];

/// The settings of a pair of nodes, whose addresses have no default.
const PAIR: [&str; 3] = [
    "ha-node=1",
    "ha-addresses=10.0.0.11/24,10.0.0.12/24",
    "ha-virtual-address=10.0.0.10/24",
];

/// The settings that the profile `name` needs.
fn needed(name: &str) -> Vec<&'static str> {
    let mut needed = Vec::new();
    for name in name.split('+') {
        match name {
            "exit-relay" => needed.extend(EXIT),
            "haproxy-ha" => needed.extend(PAIR),
            _ => {}
        }
    }
    needed
}

#[test]
fn shipped_profiles_build_on_shipped_boards_with_no_setting() {
    let definitions = Definitions::find(&[]);
    for board in definitions.boards().unwrap() {
        for profile in definitions.profiles().unwrap() {
            let spec = check(&definitions, &board, &profile, &flags(&needed(&profile)));
            if let Err(diagnostics) = spec {
                panic!("{board} {profile}:\n{diagnostics}");
            }
        }
    }
}

/// Each pair of profiles becomes one image whose files can all be rendered, or is refused with a reason.
#[test]
fn two_profiles_in_one_image_work_or_say_why_not() {
    let definitions = Definitions::find(&[]);
    let names = definitions.profiles().unwrap();
    let mut answers = String::new();
    for (at, one) in names.iter().enumerate() {
        for other in &names[at + 1..] {
            let both = format!("{one}+{other}");
            let answer = match check(&definitions, "rpi4", &both, &flags(&needed(&both))) {
                Ok(spec) => {
                    render(&spec);
                    "works".to_owned()
                }
                Err(diagnostics) => {
                    let found = diagnostics.sorted();
                    let titles: Vec<&str> = found.iter().map(|found| &*found.title).collect();
                    titles.join("; ")
                }
            };
            answers += &format!("{both}: {answer}\n");
        }
    }
    insta::assert_snapshot!(answers);
}

#[test]
fn a_hotspot_and_an_uplink_share_an_image_where_each_has_its_radio() {
    let refused = |settings: &[&str]| {
        let both = "wifi-hotspot+wifi-uplink";
        let spec = check(&Definitions::find(&[]), "rpi4", both, &flags(settings));
        let titles = |found: Diagnostics| -> Vec<String> {
            let found = found.sorted();
            found.iter().map(|found| found.title.to_string()).collect()
        };
        spec.map_or_else(titles, |_| Vec::new())
    };
    let [ours, theirs] = ["wifi-interface=wlan0", "uplink-radio=wlan1"];
    assert_eq!(refused(&[ours, theirs]), [""; 0]);
    assert_eq!(
        refused(&[ours]),
        ["the uplink needs a radio that is not the access point's"]
    );
    assert_eq!(
        refused(&[theirs]),
        ["the access point needs a radio that is not the uplink's"]
    );
}

/// Renders every template of an image.
fn render(spec: &Spec) {
    let image = serde_json::json!({
        "name": "test", "build-id": "0", "boot-mount": "/boot", "boot-mount-unit": "boot.mount",
    });
    let context = spec.context(image);
    let files = spec.overlays.iter().flat_map(|overlay| &overlay.files);
    for file in files.filter(|file| file.template) {
        crate::render::render(file, &context);
    }
}

/// dash's echo interprets a backslash in a value; printf prints the value as it is.
#[test]
fn no_script_of_dash_prints_a_value_by_echo() {
    let definitions = Definitions::find(&[]);
    let mut scripts = 0;
    let names = definitions.overlays().unwrap();
    let overlays = names.iter().map(|name| {
        let mut diagnostics = Diagnostics::default();
        definitions
            .overlay(&mut diagnostics, name.as_str())
            .unwrap()
    });
    for file in overlays.flat_map(|overlay| overlay.files) {
        let text = std::str::from_utf8(&file.bytes).unwrap();
        let path = file.path.to_string();
        if !text.starts_with("#!/bin/sh") && !path.contains("/firstboot.d/") {
            continue;
        }
        scripts += 1;
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with('#'))
        {
            let printed = line.split_once("echo ").map_or("", |(_, printed)| printed);
            let printed = printed.split(['|', '>']).next().unwrap_or_default();
            assert!(!printed.contains('$'), "{}: {line}", file.source);
        }
    }
    assert!(scripts > 10, "{scripts}");
}

#[test]
fn a_certificate_that_no_server_would_take_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let pair = |algorithm: &[&str], name: &str| {
        let (certificate, key) = (folder.path().join(name), folder.path().join("key"));
        let mut openssl = std::process::Command::new("openssl");
        openssl.args([
            "req", "-x509", "-nodes", "-days", "9", "-subj", "/CN=x", "-newkey",
        ]);
        openssl
            .args(algorithm)
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate);
        crate::command::run(&mut openssl);
        let read = |path| fs_err::read_to_string(path).unwrap();
        (read(certificate), read(key))
    };
    let output = |pem: &str| {
        let mut user = UserSettings::default();
        user.secrets
            .push(given_secret(&format!("tls-certificate={pem}")));
        let spec = check(&Definitions::find(&[]), "rpi4", "haproxy-node", &user);
        spec.map_or_else(|diagnostics| diagnostics.to_string(), |_| String::new())
    };
    let (certificate, key) = pair(&["rsa:2048"], "rsa");
    let (stranger, ec_key) = pair(&["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "ec");
    let (ed_certificate, ed_key) = pair(&["ed25519"], "ed");
    assert_eq!(output(&(certificate.clone() + &key)), "");
    assert_eq!(output(&(ec_key.clone() + &stranger)), "");
    assert_eq!(
        output(&(certificate.clone() + &stranger + &key)),
        "",
        "a chain"
    );
    assert_eq!(output(&(ed_certificate + &ed_key)), "");
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (pem, expected) in [
        ("no certificate".to_owned(), "it is not PEM"),
        (certificate.clone(), "it holds no private key"),
        (key.clone(), "it holds no certificate"),
        (
            certificate.clone() + &ec_key,
            "belongs to another certificate",
        ),
        (certificate.clone() + encrypted, "is encrypted"),
        (
            certificate.replace("MII", "M!I") + &key,
            "`CERTIFICATE` that begins in line 1 is damaged",
        ),
        (
            certificate.replace("END CERT", "END KERT") + &key,
            "`CERTIFICATE` that begins in line 1 is damaged",
        ),
    ] {
        let shown = output(&pem);
        assert!(shown.contains(expected), "{expected}: {shown}");
        assert!(!shown.contains("MII"), "{shown}");
    }
}

#[test]
fn an_exit_needs_each_of_its_confirmations() {
    let definitions = Definitions::find(&[]);
    for missing in 0..EXIT.len() {
        let mut given = EXIT.to_vec();
        let name = given.remove(missing).split('=').next().unwrap();
        let refused = check(&definitions, "x86_64", "exit-relay", &flags(&given)).unwrap_err();
        let shown = refused.to_string();
        assert!(
            shown.contains(&format!("`{name}` has to be given")),
            "{shown}"
        );
    }
}

#[test]
fn the_readme_of_a_format_lists_exactly_its_keys() {
    for (kind, tables) in [
        ("boards", &board::TABLES[..]),
        ("profiles", &profile::TABLES[..]),
        ("overlays", &overlay::TABLES[..]),
    ] {
        let path = format!("{ROOT}/{kind}/README.md");
        let documented = documented(&fs_err::read_to_string(path).unwrap());
        let known = tables.iter().flat_map(|keys: &&Keys| {
            let table = if keys.table.is_empty() {
                "Top"
            } else {
                keys.table
            };
            keys.iter().map(move |key| format!("{table} {key}"))
        });
        let known: BTreeSet<String> = known.collect();
        let missing: Vec<_> = known.difference(&documented).collect();
        let unknown: Vec<_> = documented.difference(&known).collect();
        assert!(
            missing.is_empty() && unknown.is_empty(),
            "{kind}/README.md lacks {missing:?} and invents {unknown:?}"
        );
    }
}

/// The first cells of the tables of a README, each with the heading `### NAME` above it.
fn documented(readme: &str) -> BTreeSet<String> {
    let mut table = "";
    let mut keys = BTreeSet::new();
    for line in readme.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            table = heading.trim_matches('`');
        } else if line.starts_with('#') {
            table = "";
        }
        let cell = line
            .strip_prefix("| `")
            .and_then(|rest| rest.split_once('`'));
        if let Some((key, _)) = cell.filter(|_| !table.is_empty()) {
            keys.insert(format!("{table} {key}"));
        }
    }
    keys
}

/// The meaning of a shipped setting, profile or overlay is in its definition, where definitions of other
/// authors can say the same.
#[test]
fn the_core_knows_no_shipped_definition_by_name() {
    let definitions = Definitions::find(&[]);
    let profiles = definitions.profiles().unwrap();
    let mut names: BTreeSet<String> = definitions.overlays().unwrap().into_iter().collect();
    for name in &profiles {
        let profile = specification::profile(&definitions, name).unwrap();
        names.extend(profile.settings.into_keys());
    }
    names.extend(profiles);
    // A single word means other things as well. Settings of the system are known, and documented as such.
    let system = [
        system::SSH_KEYS,
        system::TIME_ZONE,
        system::KEYBOARD_VARIANT,
    ];
    names.retain(|name| name.contains('-') && !system.contains(&name.as_str()));
    assert!(names.len() > 50, "{names:?}");
    let core = code_in(&Path::new(ROOT).join("src"));
    let known = names.iter();
    let known: Vec<_> = known
        .filter(|name| core.contains(&format!("\"{name}\"")))
        .collect();
    assert_eq!(known, [""; 0]);
}

/// All Rust below `folder` but for tests and comments.
fn code_in(folder: &Path) -> String {
    let mut code = String::new();
    for name in listing::sorted(folder).unwrap() {
        let path = folder.join(&name);
        if path.is_dir() {
            code += &code_in(&path);
        } else if path.extension().is_some_and(|ending| ending == "rs") && name != "tests.rs" {
            let text = fs_err::read_to_string(path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            let is_code = |line: &&str| !line.trim_start().starts_with("//");
            code.extend(text.split_inclusive('\n').filter(is_code));
        }
    }
    code
}

#[test]
fn every_bad_file_gets_its_answer() {
    let bad = Path::new(ROOT).join("tests/data/bad");
    let mut codes = BTreeSet::new();
    for name in listing::sorted(&bad).unwrap() {
        let name = name.into_string().unwrap();
        let Some((code, what)) = name.split_once('.').filter(|_| !name.ends_with(".snap")) else {
            continue;
        };
        let text = fs_err::read_to_string(bad.join(&name)).unwrap();
        let (diagnostics, place) = answer(what, &text);
        let code = code.replace("--", "::");
        let found: BTreeSet<&str> = diagnostics.sorted().iter().map(|d| d.code).collect();
        assert_eq!(
            found,
            BTreeSet::from([code.as_str()]),
            "{name}:\n{diagnostics}"
        );
        let shown = steady(&diagnostics.to_string().replace(&place, "DIR"));
        assert!(!shown.contains("horse"), "{name} shows a secret:\n{shown}");
        codes.insert(code);
        insta::with_settings!({
            snapshot_path => &bad,
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!(name.clone(), shown);
        });
    }
    let known = codes_in(&Path::new(ROOT).join("src/define"));
    let known = &known | &codes_in(&Path::new(ROOT).join("src/specification"));
    // No file of text is unreadable; `an_unreadable_definition_is_reported` makes one.
    let untested: Vec<_> = known.difference(&codes).collect();
    // The tests in `definitions/near.rs` make files with too many entries, which would be long
    // here. Whether a file of an overlay is read follows from its name; `cli unread` has such
    // overlays.
    assert_eq!(
        untested,
        [
            "define::too-many",
            "define::unreadable",
            "overlay::unread",
            "profile::too-many"
        ]
    );
}

/// A message without the line numbers of shipped files, which change for other reasons.
fn steady(text: &str) -> String {
    if !text.contains("<shipped>") {
        return text.to_owned();
    }
    let mut shipped = false;
    let lines = text.lines().map(|line| {
        let line = line.trim_start();
        shipped = (shipped || line.contains("<shipped>")) && !line.is_empty();
        match line.split_once(".toml:") {
            Some((path, _)) if shipped => format!("{path}.toml"),
            _ if shipped => line
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .to_owned(),
            _ => line.to_owned(),
        }
    });
    lines.map(|line| line + "\n").collect()
}

/// The diagnostics for a bad definition, settings file or command line, and the folder in which it
/// was.
fn answer(what: &str, text: &str) -> (Diagnostics, String) {
    let folder = tempfile::tempdir().unwrap();
    let (mut board, mut profile) = ("rpi4".to_owned(), "base".to_owned());
    let mut user = UserSettings::default();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    };
    match what {
        "board.toml" => {
            write("boards/wrong/board.toml", text);
            board = "wrong".to_owned();
        }
        "lint.toml" => {
            write("boards/wrong/board.toml", text);
            let definitions = Definitions::find(&[folder.path().to_owned()]);
            let mut diagnostics = Diagnostics::default();
            definitions.lint_board(&mut diagnostics, "wrong");
            return (diagnostics, folder.path().display().to_string());
        }
        "profile.toml" => {
            write("profiles/wrong/profile.toml", text);
            profile = "wrong".to_owned();
        }
        // This is a profile beside another one that does not know it.
        "pair.toml" => {
            write("profiles/wrong/profile.toml", text);
            let other = "schema = 1\ntitle = \"x\"\nextends = [\"base\"]\noverlays = [\"other\"]\n\
                         [units]\nenable = [\"other.service\"]\n";
            write("profiles/other/profile.toml", other);
            for name in ["wrong", "other"] {
                write(
                    &format!("overlays/{name}/overlay.toml"),
                    "schema = 1\nhelp = \"x\"\n",
                );
                write(&format!("overlays/{name}/root/etc/test"), name);
            }
            profile = "wrong+other".to_owned();
        }
        "overlay.toml" => {
            write("overlays/wrong/overlay.toml", text);
            write("overlays/wrong/root/etc/test", "x\n");
            let parent =
                "schema = 1\ntitle = \"x\"\nextends = [\"base\"]\noverlays = [\"wrong\"]\n";
            write("profiles/wrong/profile.toml", parent);
            profile = "wrong".to_owned();
        }
        // This is a file of an overlay.
        "script.sh" | "template.hbs" => {
            write("overlays/wrong/overlay.toml", "schema = 1\nhelp = \"x\"\n");
            write(&format!("overlays/wrong/root/opt/{what}"), text);
            let parent =
                "schema = 1\ntitle = \"x\"\nextends = [\"base\"]\noverlays = [\"wrong\"]\n";
            write("profiles/wrong/profile.toml", parent);
            profile = "wrong".to_owned();
        }
        "settings.toml" => {
            profile = text.lines().next().unwrap().replace("# for ", "");
            let (path, text) = ("settings.toml".to_owned(), text.to_owned());
            user.files.push(SettingsFile { path, text });
        }
        "flags.txt" => {
            for line in text.lines() {
                match line.split_once(' ').unwrap() {
                    ("board", name) => board = name.to_owned(),
                    ("profile", name) => profile = name.to_owned(),
                    ("base", name) => user.base = Some(BaseArgument::Named(name.to_owned())),
                    ("boot-loader-only", _) => user.boot_loader_only = true,
                    ("--set", flag) => user.flags.push(flag.to_owned()),
                    (_, secret) => user.secrets.push(given_secret(secret)),
                }
            }
        }
        other => panic!("`{other}` is no kind of bad file"),
    }
    let definitions = Definitions::find(&[folder.path().to_owned()]);
    let diagnostics = check(&definitions, &board, &profile, &user).unwrap_err();
    (diagnostics, folder.path().display().to_string())
}

fn given_secret(text: &str) -> GivenSecret {
    let (name, value) = text.split_once('=').unwrap();
    GivenSecret {
        name: name.to_owned(),
        origin: format!("--secret {name}=@key"),
        value: Secret::new(value.to_owned()),
    }
}

/// The codes of diagnostics in the sources below `folder`.
fn codes_in(folder: &Path) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for name in listing::sorted(folder).unwrap() {
        let path = folder.join(name);
        if path.is_dir() {
            codes.append(&mut codes_in(&path));
            continue;
        }
        let text = fs_err::read_to_string(path).unwrap();
        let is_code = |text: &&str| {
            let word = |c: char| c.is_ascii_lowercase() || c == '-' || c == ':';
            text.contains("::") && text.chars().all(word)
        };
        codes.extend(text.split('"').filter(is_code).map(str::to_owned));
    }
    codes
}

#[test]
fn an_unreadable_definition_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let board = folder.path().join("boards/x");
    fs_err::create_dir_all(&board).unwrap();
    fs_err::write(board.join("board.toml"), b"title = \"\xff\"").unwrap();
    let definitions = Definitions::find(&[folder.path().to_owned()]);
    let diagnostics = check(&definitions, "x", "base", &UserSettings::default()).unwrap_err();
    assert_eq!(diagnostics.sorted()[0].code, "define::unreadable");
}

fn spec_of(profile: &str, user: &UserSettings) -> Spec {
    let spec = check(&Definitions::find(&[]), "rpi4", profile, user);
    spec.unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn flags(flags: &[&str]) -> UserSettings {
    let flags = flags.iter().map(|&flag| flag.to_owned()).collect();
    UserSettings {
        flags,
        ..UserSettings::default()
    }
}

#[test]
fn a_flag_beats_a_file_and_a_file_beats_the_profile() {
    let hostname = |user: &UserSettings| {
        let spec = spec_of("tor-hotspot", user);
        spec.context(serde_json::Value::Null)["settings"]["hostname"].clone()
    };
    let file = SettingsFile {
        path: "s.toml".to_owned(),
        text: "hostname = \"file\"\n".to_owned(),
    };
    let mut user = UserSettings::default();
    assert_eq!(hostname(&user), "tor-hotspot");
    user.files.push(file);
    assert_eq!(hostname(&user), "file");
    user.flags.push("hostname=flag".to_owned());
    assert_eq!(hostname(&user), "flag");
    user.flags.push("hostname=later".to_owned());
    assert_eq!(hostname(&user), "later");
}

#[test]
fn flags_of_one_list_add_up_and_name_servers() {
    let user = flags(&[
        "http-servers=web1=10.0.0.11:8080,web2=10.0.0.12:80",
        "http-servers=w3=[2001:db8::1]:80",
    ]);
    let context = spec_of("haproxy-node", &user).context(serde_json::Value::Null);
    let servers = context["settings"]["http-servers"].as_array().unwrap();
    let names: Vec<_> = servers.iter().map(|server| &server["name"]).collect();
    assert_eq!(names, ["web1", "web2", "w3"]);
    assert_eq!(servers[0]["port"], 8080);
    assert_eq!(servers[2]["address"], "2001:db8::1");
    assert_eq!(servers[2]["weight"], 1);
}

#[test]
fn a_settings_file_describes_frontends() {
    let text = "[[http-frontends]]\nname = \"shop\"\nport = 8081\nsticky = \"cookie\"\n\n\
                [[http-frontends.servers]]\nname = \"a\"\naddress = \"a.example\"\nport = 80\n\
                weight = 5\nbackup = true\n";
    let mut user = UserSettings::default();
    let (path, text) = ("s.toml".to_owned(), text.to_owned());
    user.files.push(SettingsFile { path, text });
    let context = spec_of("haproxy-node", &user).context(serde_json::Value::Null);
    let expected = serde_json::json!([{
        "name": "shop", "port": 8081, "bind": "*", "balance": "roundrobin", "check": "/",
        "check-method": "GET", "check-host": "localhost", "check-expect": ["200-399"], "tls": false, "redirect-port": null,
        "accept-proxy": false, "send-proxy": "no", "forwarded-for": "replace", "timeout": 50,
        "sticky": "cookie",
        "servers": [
            { "name": "a", "address": "a.example", "port": 80, "weight": 5, "backup": true },
        ],
    }]);
    assert_eq!(context["settings"]["http-frontends"], expected);
}

#[test]
fn changing_any_one_input_changes_the_digest() {
    let mut digests = BTreeSet::new();
    let mut count = 0;
    let mut add = |spec: Spec| {
        digests.insert(spec.digest().to_string());
        count += 1;
    };
    let definitions = Definitions::find(&[]);
    let none = UserSettings::default();
    for (board, profile) in [
        ("rpi4", "base"),
        ("rpi4", "tor-hotspot"),
        ("x86_64", "base"),
    ] {
        add(check(&definitions, board, profile, &none).unwrap());
    }
    for flag in [
        "hostname=other",
        "wifi-ssid=x",
        "wifi-country=DE",
        "wifi-channel=7",
        "client-isolation=false",
        "ssh-keys=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJyb2tlbmJyb2tlbmJyb2tlbmJyb2tlbmJyb2tlbmJy",
    ] {
        add(spec_of("tor-hotspot", &flags(&[flag])));
    }
    assert_eq!(digests.len(), count);
}

#[test]
fn a_setting_makes_no_lock_stale_and_another_package_does() {
    let spec = spec_of("tor-hotspot", &UserSettings::default());
    let named = spec_of("tor-hotspot", &flags(&["hostname=other"]));
    assert_eq!(spec.resolution_digest(), named.resolution_digest());
    let mut larger = spec.clone();
    larger.packages.push("nyx".to_owned());
    assert_ne!(spec.resolution_digest(), larger.resolution_digest());
}

#[test]
fn a_secret_reaches_the_templates_and_nothing_else() {
    let with = |value: &str| {
        let mut user = UserSettings::default();
        user.secrets
            .push(given_secret(&format!("stats-password={value}")));
        spec_of("haproxy-node", &user)
    };
    let (one, other) = (with("correct horse battery"), with("another horse battery"));
    assert_eq!(one.digest(), other.digest());
    assert_ne!(
        one.digest(),
        spec_of("haproxy-node", &UserSettings::default()).digest()
    );
    for shown in [format!("{one:?}"), one.to_json().to_string(), one.to_text()] {
        assert!(!shown.contains("horse"), "{shown}");
    }
    let context = one.context(serde_json::Value::Null);
    let hash = context["settings"]["stats-password"].as_str().unwrap();
    assert!(!context.to_string().contains("horse"));
    assert!(one.has_secrets());
    // The oracle is another implementation of crypt(5).
    let salt = hash.split('$').nth(2).unwrap();
    let mut openssl = std::process::Command::new("openssl");
    openssl.args(["passwd", "-6", "-salt", salt, "correct horse battery"]);
    assert_eq!(crate::command::stdout(&mut openssl).trim(), hash);
}

#[test]
fn a_persons_definition_beats_the_shipped_one_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("profiles/base");
    fs_err::create_dir_all(&profile).unwrap();
    fs_err::write(
        profile.join("profile.toml"),
        "schema = 1\ntitle = \"mine\"\n[settings.hostname]\ntype = \"hostname\"\ndefault = \"mine\"\n",
    )
    .unwrap();
    let definitions = Definitions::find(&[PathBuf::from("/nowhere"), folder.path().to_owned()]);
    let spec = check(&definitions, "rpi4", "base", &UserSettings::default()).unwrap();
    assert_eq!(spec.profile.title, "mine");
}

proptest::proptest! {
    /// A damaged definition is refused with a reason or means something; the parser never panics,
    /// and its own assertion fails for a refusal without a reason.
    #[test]
    fn a_damaged_definition_is_refused_with_a_reason(
        which in 0usize..4,
        at: proptest::sample::Index,
        len in 0usize..40,
        put in "[a-z0-9=\"\\[\\]{}#,.\n -]{0,6}",
    ) {
        let path = ["boards/rpi4/board", "boards/x86_64/board", "profiles/tor-hotspot/profile",
            "profiles/haproxy-node/profile"][which];
        let mut text = fs_err::read_to_string(format!("{ROOT}/{path}.toml")).unwrap();
        let floor = |text: &str, at: usize| (0..=at).rev().find(|&i| text.is_char_boundary(i)).unwrap();
        let start = floor(&text, at.index(text.len()));
        let end = floor(&text, (start + len).min(text.len()));
        text.replace_range(start..end, &put);
        let mut diagnostics = Diagnostics::default();
        let found = match which {
            0 | 1 => Board::parse(&mut diagnostics, "x", path, &text).is_some(),
            _ => ProfileFile::parse(&mut diagnostics, "x", path, &text).is_some(),
        };
        proptest::prop_assert_eq!(found, diagnostics.is_empty());
        let shown = diagnostics.to_string();
        proptest::prop_assert!(found || shown.contains("error["));
    }

    /// The same holds for settings.
    #[test]
    fn any_settings_are_refused_with_a_reason(flag in "(wifi-|http-|tcp-|host)?[a-z-]{0,12}=?[ -~é,=]{0,20}") {
        let definitions = Definitions::find(&[]);
        for profile in ["tor-hotspot", "haproxy-node"] {
            let mut user = flags(&[&flag]);
            user.files.push(SettingsFile { path: "s".to_owned(), text: flag.clone() });
            if let Err(diagnostics) = check(&definitions, "rpi4", profile, &user) {
                proptest::prop_assert!(diagnostics.to_string().contains("error["));
            }
        }
    }
}
