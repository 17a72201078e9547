//! Scripts that change their ids: the files that they make have the owners that they would have
//! under real root.
//!
//! The programs are those of this machine, with their libraries.

use super::*;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

/// The state at the end of the script, which is the same under root of this machine.
const EXPECTED: &str = include_str!("accounts.txt");

const TOOLS: &[&str] = &[
    "cat", "chgrp", "chmod", "chown", "cp", "find", "grep", "id", "install", "ln", "mkdir",
    "mkfifo", "mknod", "mktemp", "mv", "perl", "pwd", "rm", "runuser", "setpriv", "sh", "sort",
    "su", "tar", "touch", "true",
];

/// The files that are written: path and text.
const TEXTS: &[(&str, &str)] = &[
    ("/accounts.sh", include_str!("accounts.sh")),
    ("/work.sh", include_str!("accounts-work.sh")),
    ("/work.pl", include_str!("accounts.pl")),
    (
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\ndb:x:70:71:db:/var/db:/bin/sh\n",
    ),
    (
        "/etc/group",
        "root:x:0:\nstaff:x:50:\ndb:x:71:\nweb:x:72:db\nlog:x:73:db\nother:x:80:\n",
    ),
    ("/etc/shadow", "root:*:1:::::\ndb:*:1:::::\n"),
    (
        "/etc/nsswitch.conf",
        "passwd: files\ngroup: files\nshadow: files\n",
    ),
    ("/etc/login.defs", ""),
    ("/var/db/empty", ""),
    ("/root/empty", ""),
    ("/tmp/empty", ""),
];

/// A configuration of PAM that lets root do everything.
const PAM: &str = "auth sufficient pam_permit.so\naccount required pam_permit.so\n\
    password required pam_permit.so\nsession required pam_permit.so\n";

fn lines(command: &mut Command) -> Vec<String> {
    let output = stdout(command);
    output.lines().map(str::to_owned).collect()
}

/// The absolute paths in the output of ldd.
fn libraries(of: &str) -> Vec<String> {
    let lines = lines(Command::new("ldd").arg(of));
    let paths = lines.iter().flat_map(|line| line.split_whitespace());
    let absolute = paths.filter(|word| word.starts_with('/'));
    absolute
        .map(|word| word.trim_end_matches(':').to_owned())
        .collect()
}

/// Every file that the scripts need: its path in the tree, and its path on this machine.
fn files() -> BTreeMap<String, PathBuf> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut loaded: BTreeSet<String> = BTreeSet::new();
    for tool in TOOLS {
        let which = format!("PATH=/usr/sbin:/usr/bin:/sbin:/bin which {tool}");
        let here = lines(Command::new("sh").args(["-c", &which])).remove(0);
        loaded.extend(libraries(&here));
        found.insert(format!("/usr/bin/{tool}"), here.into());
    }
    let perl = "print map { \"$_\\n\" } grep { m{^/} } values %INC, @DynaLoader::dl_shared_objects";
    let modules = [
        "-MPOSIX",
        "-MFcntl",
        "-Mthreads",
        "-MTie::Hash::NamedCapture",
        "-e",
        perl,
    ];
    loaded.extend(lines(Command::new("perl").args(modules)));
    let pam = "for d in /lib /usr/lib; do ls $d/*-linux-*/security/pam_permit.so; done 2> /dev/null; true";
    for module in lines(Command::new("sh").args(["-c", pam])) {
        loaded.extend(libraries(&module));
        loaded.insert(module);
    }
    found.extend(
        loaded
            .into_iter()
            .map(|path| (path.clone(), PathBuf::from(path))),
    );
    found
}

fn texts() -> Vec<(String, String)> {
    let texts = TEXTS
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    let pam = ["su", "su-l", "runuser", "runuser-l", "other"];
    let pam = pam.map(|name| (format!("/etc/pam.d/{name}"), PAM.to_owned()));
    texts.chain(pam).collect()
}

fn host_tree(store: &Store) -> Tree {
    let mut tree = Tree::new(Meta::root(0o755, PACKAGED));
    for (path, here) in files() {
        let bytes = fs_err::read(here).unwrap();
        let len = bytes.len().try_into().unwrap();
        let object = store.insert(&bytes).unwrap();
        let slice = Slice {
            object,
            offset: 0,
            len,
        };
        put(&mut tree, &path, 0o755, Kind::File(Content::Stored(slice)));
    }
    put(
        &mut tree,
        "/bin/sh",
        0o777,
        Kind::Symlink(b"/usr/bin/sh".as_slice().into()),
    );
    for (path, text) in texts() {
        file(&mut tree, &path, 0o644, &text);
    }
    tree
}

/// Copies the same files to `root`.
fn host_folder(root: &Path) {
    let place = |path: &str| {
        let place = root.join(&path[1..]);
        fs_err::create_dir_all(place.parent().unwrap()).unwrap();
        place
    };
    for (path, here) in files() {
        let place = place(&path);
        fs_err::copy(here, &place).unwrap();
        fs_err::set_permissions(&place, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs_err::os::unix::fs::symlink("/usr/bin/sh", place("/bin/sh")).unwrap();
    for (path, text) in texts() {
        fs_err::write(place(&path), text).unwrap();
    }
    for name in ["proc", "dev"] {
        fs_err::create_dir(root.join(name)).unwrap();
    }
}

/// The output of the script under root of this machine, in a mount namespace that ends with it.
fn of_real_root() -> String {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs_err::set_permissions(root, std::fs::Permissions::from_mode(0o755)).unwrap();
    host_folder(root);
    let script = "set -e; mount -t proc proc proc; touch dev/null; mount --bind /dev/null dev/null
        exec chroot . /bin/sh -eu /accounts.sh";
    crate::command::run(
        Command::new("unshare")
            .args(["--mount", "sh", "-c", script])
            .current_dir(root)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
    );
    fs_err::read_to_string(root.join("seen")).unwrap()
}

#[test]
fn whoever_a_script_becomes_owns_what_it_makes() {
    let ground = ground();
    let tree = host_tree(&ground.store);
    let after = ground.run(&tree, "sh -eu /accounts.sh").unwrap();
    let seen = ground.text(&after, "/seen");
    if rustix::process::geteuid().is_root() {
        assert_same_lines(
            &of_real_root(),
            EXPECTED,
            "real root says something else than accounts.txt",
        );
    }
    assert_same_lines(
        &seen,
        EXPECTED,
        "the sandbox says something else than real root",
    );
    let (files, _) = seen.split_once("\n\n").unwrap();
    let owner = |line: &str| line.split(' ').take(3).collect::<Vec<_>>().join(" ");
    let owners: Vec<String> = files.lines().map(owner).collect();
    assert_same_lines(
        &below_w(&after).join("\n"),
        &owners.join("\n"),
        "the image says something else than its scripts saw",
    );
}

#[test]
fn an_account_may_have_more_files_than_a_program_may_open() {
    let ground = ground();
    let tree = host_tree(&ground.store);
    let many = "mkdir /w; chown 70:71 /w; setpriv --reuid=70 --regid=71 --clear-groups perl -e '
        for (1 .. 3000) { open F, q(>), qq(/w/$_) or die; open G, q(>), q(/w/passing) or die; unlink q(/w/passing) }'";
    let steps = vec![step(many), step("id > /id")];
    let after = run(&ground.request(&tree, steps), &mut |_| {}).unwrap();
    let theirs = below_w(&after);
    assert_eq!(theirs.len(), 3001);
    assert!(
        theirs.iter().all(|line| line.ends_with(" 70:71")),
        "{theirs:#?}"
    );
    // A tree with as many owners can be written to disk and run again.
    let again = ground.run(&after, "id > /id").unwrap();
    assert_eq!(
        ground.text(&again, "/id"),
        "uid=0(root) gid=0(root) groups=0(root)\n"
    );
}

/// Shows the lines that differ.
fn assert_same_lines(left: &str, right: &str, message: &str) {
    let [left, right] = [left, right].map(|text| text.lines().collect::<BTreeSet<&str>>());
    let only_left: Vec<_> = left.difference(&right).collect();
    let only_right: Vec<_> = right.difference(&left).collect();
    assert!(
        only_left.is_empty() && only_right.is_empty(),
        "{message}: {only_left:#?}\nnot {only_right:#?}"
    );
}
