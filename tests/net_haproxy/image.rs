//! The root of an image that an ordinary user built, as a folder that its programs run in.

use crate::support::{User, bench, extract, partitions, run};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// A built image's root.
pub(crate) struct Image {
    pub(crate) user: User,
    pub(crate) root: PathBuf,
}

/// The settings of the image; what a test wants to be different is rendered for it.
pub(crate) const SETTINGS: [&str; 4] = [
    "ha-node=2",
    "ha-addresses=198.18.1.11/24,198.18.1.12/24",
    "ha-virtual-address=198.18.1.50/24",
    "http-servers=web1=198.18.1.21:8080,web2=198.18.1.22:8080",
];

/// Built once for all tests. What was downloaded is kept between runs.
pub(crate) static IMAGE: LazyLock<Image> = LazyLock::new(|| {
    let user = User::first("user");
    let store = bench().parent().unwrap().join("net-haproxy-store");
    fs_err::create_dir_all(&store).unwrap();
    user.own(&store);
    let image = user.home().join("pair.img");
    let mut build = user.imgbuild();
    build.args(["--board", "x86_64", "--profile", "haproxy-ha"]);
    build.args(SETTINGS.iter().flat_map(|setting| ["--set", setting]));
    build.arg("--store").arg(&store).arg("--output").arg(&image);
    run(&mut build);
    let filesystem = user.home().join("root.ext4");
    let all = partitions(&image);
    let largest = all.into_iter().max_by_key(|partition| partition.len);
    extract(&image, largest.unwrap(), &filesystem);
    fs_err::remove_file(&image).unwrap();
    let root = user.home().join("root");
    unpack(&filesystem, &root);
    fs_err::remove_file(&filesystem).unwrap();
    user.own(&root);
    Image { user, root }
});

/// Copies what programs need out of the filesystem.
fn unpack(filesystem: &Path, root: &Path) {
    for folder in [
        "usr/share",
        "dev",
        "proc",
        "run",
        "tmp",
        "var/lib/haproxy/dev",
    ] {
        fs_err::create_dir_all(root.join(folder)).unwrap();
    }
    for folder in ["etc", "usr/bin", "usr/sbin", "usr/lib", "usr/libexec"] {
        let parent = root.join(folder);
        let parent = parent.parent().unwrap();
        let request = format!("rdump /{folder} {}", parent.display());
        run(Command::new("/usr/sbin/debugfs")
            .args(["-R", &request])
            .arg(filesystem));
    }
    for name in ["bin", "sbin", "lib"] {
        std::os::unix::fs::symlink(format!("usr/{name}"), root.join(name)).unwrap();
    }
    std::os::unix::fs::symlink("usr/lib64", root.join("lib64")).unwrap();
    run(Command::new("cp")
        .arg("-r")
        .arg(root.join("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"))
        .arg(root.join("ld.so")));
    fs_err::create_dir(root.join("usr/lib64")).unwrap();
    fs_err::rename(
        root.join("ld.so"),
        root.join("usr/lib64/ld-linux-x86-64.so.2"),
    )
    .unwrap();
    only_one_user(root);
}

/// An ordinary user without a range in /etc/subuid has one id in a namespace: whoever daemons want to
/// become is that one. Nothing else of the image is changed for the tests.
fn only_one_user(root: &Path) {
    for file in ["etc/passwd", "etc/group"] {
        let path = root.join(file);
        let text = fs_err::read_to_string(&path).unwrap();
        let lines = text.lines().map(|line| {
            let mut fields: Vec<&str> = line.split(':').collect();
            for id in fields
                .iter_mut()
                .skip(2)
                .take(if file == "etc/passwd" { 2 } else { 1 })
            {
                *id = "0";
            }
            fields.join(":") + "\n"
        });
        fs_err::write(&path, lines.collect::<String>()).unwrap();
    }
}
