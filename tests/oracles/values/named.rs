//! Names of things in an image, looked up in the files of Debian's own packages. Debian's programs
//! are the oracle.

use super::PROGRAMS;
use imgbuild::compose::layer::Layer;
use imgbuild::compose::named::{NameKind, Named, check};
use imgbuild::digest::Sha256;
use imgbuild::epoch::{Epoch, Timestamp};
use imgbuild::tree::{Meta, Objects, Origin, Tree};
use std::path::Path;

/// A store without objects, because all files of the test are in the tree itself.
struct Nothing;

impl Objects for Nothing {
    fn open(&self, digest: &Sha256) -> std::io::Result<fs_err::File> {
        fs_err::File::open(digest.to_string())
    }
}

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n\
    nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\nada:x:1000:1000::/home/ada:/bin/bash\n";
const GROUP: &str = "root:x:0:\nsudo:x:27:\nada:x:1000:\nfriends:x:1001:\n";
const SYSUSERS: &str = "# comment\nu! journald-upload - \"a service\"\ng tape 26\n";

/// An image with Debian's files, and these accounts.
fn image() -> Tree {
    let mut tree = Tree::new(Meta::root(0o755, Timestamp::default()));
    let mut layer = Layer::new(&mut tree, &Nothing, Epoch(0), Origin::Builtin);
    for (path, text) in [
        ("/etc/passwd", PASSWD),
        ("/etc/group", GROUP),
        ("/usr/lib/sysusers.d/upload.conf", SYSUSERS),
    ] {
        layer.file(path, text, 0o644).unwrap();
    }
    for folder in [
        "/usr/share/zoneinfo",
        "/usr/share/X11/xkb/rules",
        "/usr/share/X11/xkb/symbols",
    ] {
        copy(&mut layer, folder);
    }
    let list = "usr/share/i18n/SUPPORTED";
    let list = fs_err::read(Path::new(PROGRAMS).join(list)).unwrap();
    layer
        .file("/usr/share/i18n/SUPPORTED", list, 0o644)
        .unwrap();
    tree
}

/// The folder at `path` of Debian's programs, with what is below it.
fn copy(layer: &mut Layer<'_>, path: &str) {
    let folder = Path::new(PROGRAMS).join(path.trim_start_matches('/'));
    for name in imgbuild::listing::sorted(&folder).unwrap() {
        let from = folder.join(&name);
        let path = format!("{path}/{}", name.to_str().unwrap());
        if from.is_symlink() {
            let target = fs_err::read_link(from).unwrap();
            layer.symlink(&path, target.to_str().unwrap()).unwrap();
        } else if from.is_dir() {
            copy(layer, &path);
        } else {
            layer
                .file(&path, fs_err::read(from).unwrap(), 0o644)
                .unwrap();
        }
    }
}

/// The message of an image for each name.
fn output<'a>(tree: &mut Tree, names: &[(&'a str, NameKind<'a>)]) -> Vec<String> {
    let layer = Layer::new(tree, &Nothing, Epoch(0), Origin::Builtin);
    let named = |&(value, kind)| Named {
        setting: "x",
        place: None,
        value,
        kind,
    };
    let check = |name| match check(&layer, &[named(name)]) {
        Ok(()) => String::new(),
        Err(wrong) => wrong.to_string(),
    };
    names.iter().map(check).collect()
}

#[test]
fn what_an_image_does_not_have_is_refused_with_the_nearest_that_it_has() {
    use NameKind::{Layout, Locale, Person, TimeZone, VariantOf};
    let cases = [
        ("admin", Person, ""),
        ("ada", Person, ""),
        (
            "root",
            Person,
            "`root` cannot be `x`: the image has an account of the system of this name",
        ),
        ("www-data", Person, "an account of the system"),
        ("nobody", Person, "an account of the system"),
        ("sudo", Person, "the image has a group of this name"),
        ("friends", Person, "the image has a group of this name"),
        ("journald-upload", Person, "an account of the system"),
        ("tape", Person, "a group of this name"),
        ("Europe/Berlin", TimeZone, ""),
        ("Etc/UTC", TimeZone, ""),
        ("America/Argentina/Ushuaia", TimeZone, ""),
        ("US/Pacific", TimeZone, "there is `America/Los_Angeles`"),
        ("Europe/Berlinn", TimeZone, "there is `Europe/Berlin`"),
        ("Europe/berlin", TimeZone, "there is `Europe/Berlin`"),
        ("berlin", TimeZone, "there is `Europe/Berlin`"),
        ("Europe/Kiev", TimeZone, "there is `Europe/Kyiv`"),
        ("EST5EDT", TimeZone, "there is `America/New_York`"),
        ("America", TimeZone, "the image has no such zone"),
        ("localtime", TimeZone, "the image has no such zone"),
        ("leapseconds", TimeZone, "the image has no such zone"),
        (
            "Nowhere/At_All",
            TimeZone,
            "expected a name such as `Europe/Berlin`",
        ),
        ("C.UTF-8", Locale, ""),
        ("de_DE.UTF-8", Locale, ""),
        // Debian's list has it only as `hi_IN`.
        ("hi_IN.UTF-8", Locale, ""),
        ("eo.UTF-8", Locale, ""),
        ("ca_ES.UTF-8@valencia", Locale, ""),
        ("sr_RS.UTF-8@latin", Locale, ""),
        // Its charset is not UTF-8, and Debian makes it with no other.
        ("de_DE.UTF-8@euro", Locale, "there is `de_DE.UTF-8`"),
        ("de_DE.UTF-8@nothing", Locale, "there is `de_DE.UTF-8`"),
        (
            "en_DE.UTF-8",
            Locale,
            "the image has no such locale; there is `en_DK.UTF-8`",
        ),
        ("de_US.UTF-8", Locale, "there is `de_"),
        ("en.UTF-8", Locale, "there is `en_"),
        ("de", Layout, ""),
        ("us", Layout, ""),
        ("dk", Layout, ""),
        // Only the longer list has it.
        ("apl", Layout, ""),
        ("uk", Layout, "there is `gb`"),
        ("german", Layout, "there is `de`"),
        ("french", Layout, "there is `fr`"),
        ("capslock", Layout, "the image has no such layout"),
        ("custom", Layout, "the image has no such layout"),
        (
            "de-nodeadkeys",
            Layout,
            "give the layout `de` with `keyboard-variant=nodeadkeys`",
        ),
        ("nodeadkeys", VariantOf("de"), ""),
        ("koy", VariantOf("de"), ""),
        ("nodeadkey", VariantOf("de"), "there is `nodeadkeys`"),
        (
            "nodeadkeys",
            VariantOf("gb"),
            "the layout `gb` has no such variant; there is `extd`, `",
        ),
        // Then the layout is wrong and not the variant.
        ("nodeadkeys", VariantOf("uk"), ""),
    ];
    let names = cases.map(|(value, kind, _)| (value, kind));
    let answers = output(&mut image(), &names);
    for ((value, kind, expected), found) in cases.iter().zip(answers) {
        assert!(found.contains(expected), "{value} {kind:?}: {found}");
        assert_eq!(
            found.is_empty(),
            expected.is_empty(),
            "{value} {kind:?}: {found}"
        );
    }
}

#[test]
fn an_image_without_lists_leaves_it_to_its_programs() {
    let mut empty = Tree::new(Meta::root(0o755, Timestamp::default()));
    let names = [
        ("root", NameKind::Person),
        ("Nowhere", NameKind::TimeZone),
        ("xx_XX.UTF-8", NameKind::Locale),
        ("nothing", NameKind::Layout),
        ("nothing", NameKind::VariantOf("nothing")),
    ];
    assert_eq!(output(&mut empty, &names).concat(), "");
}
