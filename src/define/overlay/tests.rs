//! Tests of reading the folder of an overlay.

use super::*;
use crate::define::Definitions;
use std::os::unix::fs::PermissionsExt;

#[test]
fn rules_and_places_decide_about_mode_owner_and_condition() {
    let folder = tempfile::tempdir().unwrap();
    let overlay = folder.path().join("overlays/x");
    let write = |path: &str, text: &str| {
        let path = overlay.join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    };
    write("root/etc/key.hbs", "{{settings.key}}");
    write("root/etc/.hbs", "x");
    write("root/usr/lib/imgbuild/health", "exit");
    write("root/etc/script", "#!/bin/sh\n");
    fs_err::os::unix::fs::symlink("../key", overlay.join("root/etc/link")).unwrap();
    write(
        "overlay.toml",
        "schema = 1\nhelp = \"h\"\n[[file]]\npath = \"/etc/k*\"\nmode = \"0640\"\n\
         group = \"tor\"\nwhen = \"!key\"\n[[directory]]\npath = \"/srv/x\"\nmode = \"1777\"\n",
    );
    let mut diagnostics = Diagnostics::default();
    let definitions = Definitions::find(&[folder.path().to_owned()]);
    let overlay = definitions.overlay(&mut diagnostics, "x");
    let overlay = overlay.unwrap_or_else(|| panic!("{diagnostics}"));
    let shown: Vec<_> = (overlay.files.iter())
        .map(|file| {
            let Ownership { mode, owner, group } = &file.ownership;
            let test = file.when.as_ref().map(|when| &when.test);
            let (path, template) = (&file.path, file.template);
            format!("{path} {mode:o} {owner}:{group} {template} {test:?}")
        })
        .collect();
    let expected = [
        "/etc/.hbs 644 root:root false None",
        "/etc/key 640 root:tor true Some(Unset)",
        "/etc/script 755 root:root false None",
        "/usr/lib/imgbuild/health 755 root:root false None",
    ];
    assert_eq!(shown, expected);
    assert_eq!(overlay.directories[0].ownership.mode, 0o1777);
    assert_eq!(overlay.symlinks[0].target, "../key");
}

/// Reads an overlay `x` of `files` with their modes, and the mistakes in it.
fn read(files: &[(&str, &[u8], u32)]) -> (Option<Overlay>, Diagnostics) {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes, mode) in files {
        let path = folder.path().join("overlays/x").join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, bytes).unwrap();
        fs_err::set_permissions(&path, PermissionsExt::from_mode(*mode)).unwrap();
    }
    let mut diagnostics = Diagnostics::default();
    let definitions = Definitions::find(&[folder.path().to_owned()]);
    let overlay = definitions.overlay(&mut diagnostics, "x");
    (overlay, diagnostics)
}

const TOML: &[u8] = b"schema = 1\nhelp = \"h\"\n";

fn modes(files: &[(&str, &[u8], u32)]) -> Vec<String> {
    let (overlay, diagnostics) = read(files);
    let overlay = overlay.unwrap_or_else(|| panic!("{diagnostics}"));
    let shown = |file: &OverlayFile| format!("{} {:o}", file.path, file.ownership.mode);
    overlay.files.iter().map(shown).collect()
}

#[test]
fn what_its_owner_may_run_is_a_program_and_no_other_bit_counts() {
    let files = |toml| -> [(&str, &[u8], u32); 4] {
        [
            ("overlay.toml", TOML, toml),
            ("root/opt/a", b"\x7fELF", 0o700),
            ("root/opt/b", b"x", 0o677),
            ("root/opt/c", b"x", 0o400),
        ]
    };
    let expected = ["/opt/a 755", "/opt/b 644", "/opt/c 644"];
    assert_eq!(modes(&files(0o644)), expected);
    // A filesystem of Windows, mounted: everything may be run.
    let expected = ["/opt/a 644", "/opt/b 644", "/opt/c 644"];
    assert_eq!(modes(&files(0o755)), expected);
}

#[test]
fn leftovers_are_left_out_with_a_word_unless_a_rule_names_them() {
    let rule = b"schema = 1\nhelp = \"h\"\n[[file]]\npath = \"/opt/keep~\"\n";
    let (overlay, diagnostics) = read(&[
        ("overlay.toml", rule, 0o644),
        ("root/opt/keep~", b"x", 0o644),
        ("root/opt/run.py~", b"x", 0o644),
        ("root/opt/.DS_Store", b"x", 0o644),
        ("root/opt/.git/config", b"x", 0o644),
    ]);
    let files = overlay.map(|overlay| overlay.files).unwrap();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(files[0].path.to_string(), "/opt/keep~");
    let [_, remark] = diagnostics.remarks() else {
        panic!("{:?}", diagnostics.remarks());
    };
    for name in [
        "`opt/.DS_Store`, `opt/.git`, `opt/run.py~`",
        "overlays/x/root",
    ] {
        assert!(remark.contains(name), "{remark}");
    }
}

#[test]
fn what_another_file_names_is_read() {
    let top: (&str, &[u8], u32) = ("overlay.toml", b"schema = 1\nhelp = \"h\"\n", 0o644);
    let key: (&str, &[u8], u32) = ("root/etc/systemd/network/wg0.key", b"x", 0o644);
    let (none, diagnostics) = read(&[top, key]);
    assert!(none.is_none() && diagnostics.to_string().contains("would not be read"));
    for (end, taken) in [
        ("key\n", true),
        ("key", true),
        ("key2\n", false),
        ("ke", false),
    ] {
        let text = format!("[WireGuard]\nPrivateKeyFile=/etc/systemd/network/wg0.{end}");
        let tunnel = (
            "root/etc/systemd/network/wg0.netdev",
            text.as_bytes(),
            0o644,
        );
        let (overlay, _) = read(&[top, key, tunnel]);
        assert_eq!(overlay.is_some(), taken, "{end:?}");
    }
}

#[test]
fn text_that_a_program_would_not_read_is_refused_with_file_and_line() {
    let script: (&str, &[u8], u32) = ("root/opt/x", b"#!/bin/sh\r\necho\r\n", 0o644);
    let (overlay, diagnostics) = read(&[("overlay.toml", TOML, 0o644), script]);
    assert!(overlay.is_none());
    let shown = diagnostics.to_string();
    assert!(
        shown.contains("overlays/x/root/opt/x`, line 1: ends in CR LF"),
        "{shown}"
    );
    let verbatim = b"schema = 1\nhelp = \"h\"\n[[file]]\npath = \"/opt/*\"\nverbatim = true\n";
    let (overlay, diagnostics) = read(&[("overlay.toml", verbatim, 0o644), script]);
    assert!(overlay.is_some(), "{diagnostics}");
}
