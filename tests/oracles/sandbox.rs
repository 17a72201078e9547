//! The kernel, a shell and real root as oracles of the sandbox.
//!
//! The tree is busybox and small scripts. The configuring of packages is tested elsewhere.
#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use crate::command::stdout;
use imgbuild::architecture::Architecture;
use imgbuild::configure::{ConfigureRequest, configure};
use imgbuild::epoch::{Epoch, Timestamp};
use imgbuild::event::Silent;
use imgbuild::listing;
use imgbuild::sandbox::{Ending, RunRequest, SandboxError, Step, run};
use imgbuild::store::Store;
use imgbuild::tree::{Content, Kind, Meta, Node, Origin, Slice, Tree, TreePath, dump};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

mod accounts;
mod limits;

const EPOCH: Epoch = Epoch(1_700_000_000);
/// The time of the files of the tree.
const PACKAGED: Timestamp = Timestamp {
    seconds: 1_600_000_000,
    nanoseconds: 7,
};
const PROGRAMS: &[&str] = &[
    "cat", "chmod", "chown", "cp", "echo", "env", "find", "grep", "hostname", "kill", "ln", "ls",
    "mkdir", "mknod", "mv", "rm", "rmdir", "sh", "sleep", "stat", "touch", "tr", "truncate",
    "wget", "yes",
];

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_imgbuild"))
}

fn busybox() -> PathBuf {
    let places = ["/bin/busybox", "/usr/bin/busybox"].map(PathBuf::from);
    let found = places.into_iter().find(|path| path.exists());
    found.expect("no busybox; install what ci/setup lists (busybox-static)")
}

fn put(tree: &mut Tree, path: &str, mode: u16, kind: Kind) {
    let path = TreePath::parse(path.as_bytes()).unwrap();
    let (parent, _) = path.split_last().unwrap();
    let origin = Origin::Package("busybox".into());
    let folder = Meta::root(0o755, PACKAGED);
    tree.make_directories(&parent, folder, &origin).unwrap();
    let node = Node::new(kind, Meta::root(mode, PACKAGED), origin);
    tree.insert(&path, node).unwrap();
}

fn file(tree: &mut Tree, path: &str, mode: u16, text: &str) {
    put(
        tree,
        path,
        mode,
        Kind::File(Content::inline(text.as_bytes())),
    );
}

fn busybox_tree(store: &Store) -> Tree {
    let mut tree = Tree::new(Meta::root(0o755, PACKAGED));
    let bytes = fs_err::read(busybox()).unwrap();
    let slice = Slice {
        object: store.insert(&bytes).unwrap(),
        offset: 0,
        len: bytes.len().try_into().unwrap(),
    };
    let content = Kind::File(Content::Stored(slice));
    put(&mut tree, "/bin/busybox", 0o755, content);
    for name in PROGRAMS {
        let link = Kind::Symlink(b"busybox".as_slice().into());
        put(&mut tree, &format!("/bin/{name}"), 0o777, link);
    }
    tree
}

struct Ground {
    _folder: tempfile::TempDir,
    store: Store,
}

fn ground() -> Ground {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    Ground {
        _folder: folder,
        store,
    }
}

fn step(script: &str) -> Step {
    Step::new("a script", &["sh", "-euc", script])
}

impl Ground {
    fn run(&self, tree: &Tree, script: &str) -> Result<Tree, SandboxError> {
        self.run_within(None, tree, script)
    }

    fn request<'r>(&'r self, tree: &'r Tree, steps: Vec<Step>) -> RunRequest<'r> {
        RunRequest {
            tree,
            store: &self.store,
            program: program(),
            epoch: EPOCH,
            steps,
            script_timeout: None,
        }
    }

    fn run_within(
        &self,
        timeout: Option<Duration>,
        tree: &Tree,
        script: &str,
    ) -> Result<Tree, SandboxError> {
        let request = RunRequest {
            script_timeout: timeout,
            ..self.request(tree, vec![step(script)])
        };
        let result = run(&request, &mut |_| {});
        self.store.settle();
        let left = listing::sorted(self.store.scratch()).unwrap();
        // The store's own file says which objects this process uses.
        assert_eq!(left, ["uses"], "scratch is left behind");
        result
    }

    fn text(&self, tree: &Tree, path: &str) -> String {
        let id = tree.at(&TreePath::parse(path.as_bytes()).unwrap());
        let Kind::File(content) = &tree.node(id.expect(path)).kind else {
            panic!("{path} is no file");
        };
        String::from_utf8(content.read(&self.store).unwrap().to_vec()).unwrap()
    }
}

/// Everything below `/w`: name, mode and owner, as `stat -c '%n %a %u:%g'` prints them.
fn below_w(tree: &Tree) -> Vec<String> {
    let top = TreePath::parse(b"/w").unwrap();
    let walk = tree.walk().into_iter();
    let below = walk.filter(|(path, _)| path.starts_with(&top));
    below
        .map(|(path, id)| {
            let meta = tree.node(id).meta;
            format!("{path} {:o} {}:{}", meta.mode, meta.uid, meta.gid)
        })
        .collect()
}

const GIVE_AWAY: &str = "
    mkdir /w; cd /w
    echo a > a; chown 7:8 a; chown 9 a
    stat -c '%u:%g' a ./a /w/a > seen
    cp -p a copied
    cp a installed; chown 9:10 installed; chmod 4755 installed
    mkdir d; chown 0:8 d; chmod 2775 d; touch d/inherits; mkdir d/sub
    ln -s a link; chown -h 5:6 link
    ln a hard; chown :11 hard
    mkdir gone; chown 11:12 gone; rmdir gone; mkdir fresh
    echo s > setuid; chmod 6755 setuid; chown 7:9 setuid
    echo k > kept; chown 7:9 kept; chmod 6755 kept
    echo r > root; chown 1:1 root; chown 0:0 root
    mv copied moved
    umask 077; echo p > private
";

#[test]
fn owners_are_what_real_root_would_leave() {
    let ground = ground();
    let after = ground.run(&busybox_tree(&ground.store), GIVE_AWAY).unwrap();
    let expected = "/w 755 0:0\n/w/a 644 9:11\n/w/d 2775 0:8\n/w/d/inherits 644 0:8\n\
        /w/d/sub 2755 0:8\n/w/fresh 755 0:0\n/w/hard 644 9:11\n/w/installed 4755 9:10\n\
        /w/kept 6755 7:9\n/w/link 777 5:6\n/w/moved 644 9:8\n/w/private 600 0:0\n/w/root 644 0:0\n\
        /w/seen 644 0:0\n/w/setuid 755 7:9";
    assert_eq!(below_w(&after).join("\n"), expected);
    assert_eq!(ground.text(&after, "/w/seen"), "9:8\n9:8\n9:8\n");
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // The oracle is the same script as root of this machine.
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    fs_err::create_dir(&bin).unwrap();
    fs_err::copy(busybox(), bin.join("busybox")).unwrap();
    for name in PROGRAMS {
        fs_err::os::unix::fs::symlink("busybox", bin.join(name)).unwrap();
    }
    let script = format!("umask 022; {GIVE_AWAY} find /w -exec stat -c '%n %a %u:%g' '{{}}' ';'");
    let output = stdout(
        Command::new("chroot")
            .arg(folder.path())
            .args(["/bin/sh", "-euc", &script])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
    );
    let mut lines: Vec<&str> = output.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.join("\n"), expected);
}

/// In a user namespace the kernel allows one device, the whiteout of overlayfs.
#[test]
fn a_whiteout_is_no_socket() {
    let ground = ground();
    let script = "mkdir /w; mknod /w/gone c 0 0";
    let after = ground.run(&busybox_tree(&ground.store), script).unwrap();
    let made = after.at(&TreePath::parse(b"/w/gone").unwrap()).unwrap();
    let expected = Kind::CharDevice { major: 0, minor: 0 };
    assert_eq!(after.node(made).kind, expected);
}

#[test]
fn owners_of_the_tree_are_seen_and_stay() {
    let ground = ground();
    let mut tree = busybox_tree(&ground.store);
    file(&mut tree, "/w/theirs", 0o2755, "x");
    let id = tree.at(&TreePath::parse(b"/w/theirs").unwrap()).unwrap();
    (tree.node_mut(id).meta.uid, tree.node_mut(id).meta.gid) = (33, 42);
    let after = ground
        .run(
            &tree,
            "stat -c %a:%u:%g /w/theirs > /seen; cp -p /w/theirs /w/too",
        )
        .unwrap();
    assert_eq!(ground.text(&after, "/seen"), "2755:33:42\n");
    assert_eq!(
        below_w(&after),
        ["/w 755 0:0", "/w/theirs 2755 33:42", "/w/too 2755 33:42"]
    );
    let id = after.at(&TreePath::parse(b"/w/theirs").unwrap()).unwrap();
    assert_eq!(after.node(id).origin, Origin::Package("busybox".into()));
}

#[test]
fn a_tree_has_more_owners_than_an_ordinary_process_may_open_files() {
    let ground = ground();
    let mut tree = busybox_tree(&ground.store);
    for number in 0..300 {
        let path = format!("/w/{number}");
        file(&mut tree, &path, 0o644, "x");
        let id = tree.at(&TreePath::parse(path.as_bytes()).unwrap()).unwrap();
        tree.node_mut(id).meta.uid = 33;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let limited = folder.path().join("imgbuild");
    // Another process writes the file. If this one did, a process that one of its threads starts
    // meanwhile would hold the file open for a moment, and a program that is open for writing
    // cannot be started.
    let write = "printf '#!/bin/sh\\nulimit -Sn 128\\nexec %s \"$@\"\\n' \"$1\" > \"$2\" && chmod 755 \"$2\"";
    let mut sh = std::process::Command::new("sh");
    sh.args(["-c", write, "sh"]).arg(program()).arg(&limited);
    assert!(sh.status().unwrap().success());
    let count = "find /w -user 33 | grep -c . > /seen";
    let request = RunRequest {
        program: &limited,
        ..ground.request(&tree, vec![step(count)])
    };
    let after = run(&request, &mut |_| {}).unwrap();
    assert_eq!(ground.text(&after, "/seen"), "300\n");
}

#[test]
fn the_host_is_out_of_sight_and_out_of_reach() {
    let ground = ground();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let script = format!(
        "hostname > /seen
        ip -o -4 addr | awk '{{ print $2, $4 }}' >> /seen
        [ ! -e {path} ] || echo 'sees a file' >> /seen
        [ ! -e /proc/1/root{path} ] || echo 'sees a file through 1' >> /seen
        for fd in /proc/1/fd/* /proc/1/exe; do [ ! -e $fd ] || echo reaches $fd >> /seen; done
        sh -c 'echo > /proc/1/mem' 2> /dev/null && echo 'writes to the supervisor' >> /seen
        wget -q -T 2 -O - http://{address}/ 2> /dev/null && echo 'has a network' >> /seen
        grep -v -e Inter -e face -e lo: /proc/net/dev >> /seen || true
        sh -c 'echo > /dev/tty' 2> /dev/null && echo 'has a terminal' >> /seen
        mknod /w b 8 0 2> /dev/null && echo 'makes devices' >> /seen
        env | grep -v -e ^PATH= -e ^HOME= -e ^SHELL= -e ^DEB -e ^INITRD= -e ^LC_ALL= \
            -e ^SOURCE_DATE_EPOCH=1700000000$ -e ^PWD= -e ^SHLVL= -e ^_= >> /seen || true
        echo x > /dev/null; ls /dev/null /dev/urandom /dev/pts > /dev/null",
        path = outside.path().display(),
        address = server.local_addr().unwrap(),
    );
    let after = ground.run(&busybox_tree(&ground.store), &script).unwrap();
    assert_eq!(ground.text(&after, "/seen"), "localhost\nlo 127.0.0.1/8\n");
}

#[test]
fn times_and_contents_do_not_tell_when_or_how_often_it_ran() {
    let script = "echo new > /new; touch -d '2001-02-03 04:05:06' /old
        echo changed >> /etc/kept; mv /etc/renamed /etc/moved; chmod 600 /etc/mode
        echo temporary > /tmp/x; echo temporary > /run/x; rm /etc/removed
        ( sleep 1000 & )";
    let (first, second) = (ground(), ground());
    busybox_tree(&second.store);
    let mut tree = busybox_tree(&first.store);
    for name in ["kept", "renamed", "mode", "removed", "same"] {
        file(&mut tree, &format!("/etc/{name}"), 0o644, name);
    }
    let after = first.run(&tree, script).unwrap();
    assert_eq!(dump(&after), dump(&second.run(&tree, script).unwrap()));
    let lines: BTreeMap<String, String> = dump(&after)
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(path, rest)| (path.to_owned(), rest.to_owned()))
        .collect();
    assert!(lines["/new"].starts_with("f 644 0 0 1700000000.0 script "));
    assert!(lines["/old"].starts_with("f 644 0 0 981173106.0 script "));
    assert!(lines["/etc/kept"].starts_with("f 644 0 0 1700000000.0 script "));
    assert_eq!(first.text(&after, "/etc/kept"), "keptchanged\n");
    assert_eq!(
        lines["/etc/moved"],
        "f 644 0 0 1600000000.7 package:busybox =renamed"
    );
    assert_eq!(lines["/etc/mode"], "f 600 0 0 1600000000.7 script =mode");
    assert_eq!(
        lines["/etc/same"],
        "f 644 0 0 1600000000.7 package:busybox =same"
    );
    assert_eq!(lines["/bin"], "d 755 0 0 1600000000.7 package:busybox");
    for gone in ["/etc/removed", "/tmp", "/run", "/proc", "/tmp/x", "/run/x"] {
        assert!(!lines.contains_key(gone), "{gone} is there");
    }
}

#[test]
fn a_script_that_dies_is_reported_with_its_words() {
    let ground = ground();
    let failure = |script| match ground.run(&busybox_tree(&ground.store), script) {
        Err(SandboxError::Script {
            ending,
            output,
            step,
            ..
        }) => (ending, output, step),
        other => panic!("{other:?}"),
    };
    let (ending, output, step) = failure("echo 'the disk is a lie'; exit 3");
    assert_eq!((ending, step.as_str()), (Ending::Exit(3), "a script"));
    assert_eq!(output, "the disk is a lie");
    let (ending, ..) = failure("kill -9 $$");
    assert_eq!(ending, Ending::Signal(9));
}

#[test]
fn steps_read_their_input_and_a_silent_one_that_speaks_fails() {
    let ground = ground();
    let tree = busybox_tree(&ground.store);
    let mut reads = Step::new("reads", &["sh", "-c", "cat > /read"]);
    reads.input = "hello\n".to_owned();
    let mut speaks = Step::new("speaks", &["sh", "-c", "cat /read"]);
    speaks.silent = true;
    match run(&ground.request(&tree, vec![reads, speaks]), &mut |_| {}) {
        Err(SandboxError::Script {
            ending,
            output,
            step,
            ..
        }) => {
            assert_eq!((ending, step.as_str()), (Ending::NotSilent, "speaks"));
            assert_eq!(output, "hello");
        }
        other => panic!("{other:?}"),
    }
}

/// A dpkg that knows one package and writes down how it was called.
const DPKG: &str = "#!/bin/sh
[ \"$1\" != --status-fd ] || shift 2
case \"$*\" in
  --audit) ;;
  *--configure*)
    echo \"Setting up p (1) ...\"; echo \"$*\" >> /asked; /usr/sbin/policy-rc.d || echo $? >> /asked
    echo 'Package: p
Status: install ok installed
Architecture: all
Version: 1
' > /var/lib/dpkg/status ;;
esac
";

#[test]
fn unpacked_packages_are_configured_by_preinst_and_dpkg() {
    let ground = ground();
    let mut tree = busybox_tree(&ground.store);
    let status = "Package: p\nStatus: install ok unpacked\nArchitecture: all\nVersion: 1\n";
    file(&mut tree, "/var/lib/dpkg/status", 0o644, status);
    let preinst = "#!/bin/sh\necho $DPKG_MAINTSCRIPT_PACKAGE $* $(hostname) $(cat /proc/sys/kernel/domainname) > /asked\n";
    file(&mut tree, "/var/lib/dpkg/info/p.preinst", 0o755, preinst);
    file(&mut tree, "/usr/bin/dpkg", 0o755, DPKG);
    let request = ConfigureRequest {
        mounts: &[],
        tree: &tree,
        archives: &[],
        store: &ground.store,
        architecture: Architecture::host().expect("tests run on a known architecture"),
        tools: None,
        epoch: EPOCH,
        preseed: "",
        host_name: "node-7",
        script_timeout: None,
        program: program(),
    };
    let after = configure(&request, &Silent).unwrap();
    let asked = "p install node-7 (none)\n--force-confdef --force-confold --force-unsafe-io --configure -a\n101\n";
    assert_eq!(ground.text(&after, "/asked"), asked);
    assert!(after.at(&TreePath::parse(b"/usr/sbin").unwrap()).is_none());
}
