//! A program attacks the host from where a maintainer script runs, started by root and by an
//! ordinary user. It reports what it could do itself, and its effects are looked for from outside.
#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use crate::command::{self, stdout};
use imgbuild::epoch::{Epoch, Timestamp};
use imgbuild::sandbox::{RunRequest, Step, run};
use imgbuild::store::Store;
use imgbuild::tree::{Content, Kind, Meta, Node, Origin, Slice, Tree, TreePath};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The variable with the folder of the attack, in the process that is started to make it.
const FOLDER: &str = "IMGBUILD_TEST_ATTACK";
/// The id of an ordinary user without an account and without a line in /etc/subuid.
const ORDINARY: u32 = 65_500;
/// The least number of attempts. Fewer mean that the program has broken off.
const LEAST: usize = 1250;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test starts itself as another user, and tells that by the environment"
)]
fn a_script_finds_no_way_out() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let printed = attack(Path::new(&folder));
        return printed.iter().for_each(|line| println!("{line}"));
    }
    let own = rustix::process::geteuid().as_raw();
    let mut attackers = vec![Attacker::new("as this user", own)];
    if own == 0 {
        let as_ordinary = &[
            "setpriv",
            "--reuid=65500",
            "--regid=65500",
            "--clear-groups",
        ];
        let no_setuid = &[
            "setpriv",
            "--bounding-set=-setuid,-setgid",
            "--inh-caps=-all",
        ];
        attackers.extend([
            Attacker::new("as an ordinary user", ORDINARY),
            // This is like a container that has one id only.
            Attacker {
                wrapper: [as_ordinary.as_slice(), &["unshare", "-r"]].concat(),
                keeps_id: true,
                host: 0,
                ..Attacker::new("as root of a user namespace", ORDINARY)
            },
            Attacker {
                wrapper: no_setuid.to_vec(),
                keeps_id: true,
                ..Attacker::new("as root without CAP_SETUID", 0)
            },
        ]);
    }
    for attacker in attackers {
        attacker.find_nothing();
    }
}

/// The user who builds.
struct Attacker {
    name: &'static str,
    /// The owner of the attacked files.
    owner: u32,
    /// The command that starts the program `host`.
    wrapper: Vec<&'static str>,
    /// The user id of the program.
    host: u32,
    /// Whether scripts run with this user's id because there is no other id.
    keeps_id: bool,
}

impl Attacker {
    fn new(name: &'static str, owner: u32) -> Self {
        Self {
            name,
            owner,
            wrapper: Vec::new(),
            host: owner,
            keeps_id: false,
        }
    }

    #[expect(
        clippy::print_stdout,
        reason = "the attempts are counted for whoever reads"
    )]
    fn find_nothing(&self) {
        let name = self.name;
        let ground = Ground::new(self.owner);
        let before = ground.look();
        let host = ground.path("host");
        let mut command = match self.wrapper.split_first() {
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(host);
                command
            }
            None => Command::new(host),
        };
        let test = "attack::a_script_finds_no_way_out";
        let output = stdout(
            command
                .arg(self.host.to_string())
                .arg(ground.path("test"))
                .args(["--exact", test, "--nocapture", "--test-threads", "1"])
                .env(FOLDER, ground.folder.path()),
        );
        // The id is that of a user namespace's root, or of a root without rights. With it, scripts
        // see which descriptors the supervisor has, but not the files to which these lead.
        let kept = ["escaped be root outside", "escaped list: /proc/1/fd"];
        let is_known = |line: &str| self.keeps_id && kept.contains(&line);
        let escaped = output.lines().filter(|line| line.starts_with("escaped "));
        let escaped: Vec<&str> = escaped.filter(|line| !is_known(line)).collect();
        let n_held = output.lines().filter(|line| line.starts_with("held "));
        let n_held = n_held.count();
        println!("{name}: {n_held} held, {} escaped", escaped.len());
        assert!(escaped.is_empty(), "{name}: {escaped:#?}");
        assert!(n_held >= LEAST, "{name}: {n_held} attempts\n{output}");
        assert_eq!(before, ground.look(), "{name}");
    }
}

/// The files of an attack: its programs, and a file of the attacked user.
struct Ground {
    folder: tempfile::TempDir,
}

impl Ground {
    fn new(user: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ground = Self { folder };
        let open = std::fs::Permissions::from_mode(0o755);
        fs_err::set_permissions(ground.folder.path(), open).unwrap();
        // Another user may not be able to enter the folder in which these programs are.
        fs_err::copy(std::env::current_exe().unwrap(), ground.path("test")).unwrap();
        fs_err::copy(env!("CARGO_BIN_EXE_imgbuild"), ground.path("imgbuild")).unwrap();
        ground.compile("host", &["host.c"]);
        ground.compile("inside", &["inside.c", "files.c", "identity.c"]);
        let [file, store] = ["file", "store"].map(|name| ground.path(name));
        // Every user may make files here; only the sandbox prevents it.
        let everybody = std::fs::Permissions::from_mode(0o1777);
        fs_err::create_dir(ground.path("open")).unwrap();
        fs_err::set_permissions(ground.path("open"), everybody).unwrap();
        fs_err::write(&file, "words").unwrap();
        fs_err::create_dir(&store).unwrap();
        // Scripts must not need to enter a folder that only root may enter, even if root has
        // started them.
        fs_err::set_permissions(&store, std::fs::Permissions::from_mode(0o700)).unwrap();
        for path in [&file, &store] {
            std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
        }
        fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o4755)).unwrap();
        if rustix::process::geteuid().is_root() {
            // Version 2: CAP_NET_BIND_SERVICE, permitted and effective.
            let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            let flags = rustix::fs::XattrFlags::empty();
            rustix::fs::setxattr(&file, "security.capability", &capability, flags).unwrap();
        }
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn compile(&self, program: &str, sources: &[&str]) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/attack");
        command::run(
            Command::new("gcc")
                .args(["-std=gnu11", "-O1", "-Wall", "-Werror", "-static", "-o"])
                .arg(self.path(program))
                .args(sources.iter().map(|source| folder.join(source))),
        );
    }

    /// The state of the attacked files, seen from outside.
    fn look(&self) -> String {
        let mut seen = String::new();
        let made = imgbuild::listing::sorted(&self.path("open")).unwrap();
        writeln!(seen, "{made:?}").unwrap();
        let file = self.path("file");
        let found = fs_err::metadata(&file).unwrap();
        let mut capability = vec![0; 64];
        let len = rustix::fs::getxattr(&file, "security.capability", capability.as_mut_slice());
        let changed = (found.ctime(), found.ctime_nsec());
        writeln!(seen, "{:?} {changed:?} {len:?}", fs_err::read(&file)).unwrap();
        for path in [&file, Path::new("/"), &self.path("store")] {
            writeln!(seen, "{}", owner(path)).unwrap();
        }
        for name in ["null", "zero", "full", "random", "urandom", "tty"] {
            writeln!(seen, "{}", owner(&Path::new("/dev").join(name))).unwrap();
        }
        for name in ["kernel/core_pattern", "kernel/modprobe", "kernel/hostname"] {
            let text = fs_err::read_to_string(Path::new("/proc/sys").join(name));
            writeln!(seen, "{name} {text:?}").unwrap();
        }
        seen
    }
}

fn owner(path: &Path) -> String {
    let found = fs_err::metadata(path).unwrap();
    let (mode, uid, gid) = (found.mode(), found.uid(), found.gid());
    format!("{} {mode:o} {uid}:{gid}", path.display())
}

/// Runs the program in a sandbox of this user, and gives its report.
fn attack(folder: &Path) -> Vec<String> {
    // The user of the sandbox cannot even read files that root made for itself alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let store = Store::open(&folder.join("store/inner")).unwrap();
    let bytes = fs_err::read(folder.join("inside")).unwrap();
    let slice = Slice {
        object: store.insert(&bytes).unwrap(),
        offset: 0,
        len: bytes.len().try_into().unwrap(),
    };
    let meta = Meta::root(0o755, Timestamp::default());
    let mut tree = Tree::new(meta);
    let origin = Origin::Package("attack".into());
    for name in ["w", "proc", "dev"] {
        let path = TreePath::parse(name.as_bytes()).unwrap();
        let node = Node::new(Kind::Directory(BTreeMap::new()), meta, origin.clone());
        tree.insert(&path, node).unwrap();
    }
    let node = Node::new(Kind::File(Content::Stored(slice)), meta, origin);
    tree.insert(&TreePath::parse(b"inside").unwrap(), node)
        .unwrap();
    let file = folder.join("file");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let inode = fs_err::metadata(&file).unwrap().ino().to_string();
    let port = listener.local_addr().unwrap().port().to_string();
    let command = ["/inside", file.to_str().unwrap(), &inode, &port];
    let request = RunRequest {
        tree: &tree,
        store: &store,
        program: &folder.join("imgbuild"),
        epoch: Epoch(1_700_000_000),
        steps: vec![Step::new("the attack", &command)],
        script_timeout: None,
    };
    let mut printed = Vec::new();
    let result = run(&request, &mut |line| printed.push(line.to_owned()));
    let after = result.unwrap();
    let finished = printed.iter().any(|line| line == "finished");
    assert!(finished, "the attack broke off: {printed:#?}");
    let owned = after.at(&TreePath::parse(b"w/owned").unwrap()).unwrap();
    let meta = after.node(owned).meta;
    assert_eq!((meta.uid, meta.gid), (7, 8));
    assert!(after.at(&TreePath::parse(b"w/disk").unwrap()).is_none());
    printed
}
