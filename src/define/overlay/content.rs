//! Checks the files of an overlay: a file must not be a leftover of an editor, and its text must be readable for the program
//! that reads it on the device.
//!
//! The text is checked if a program of the device reads it: scripts anywhere, and all text in `/etc` and in the folders
//! below `/usr/lib` that services and udev read. A wrong text is refused and not changed, so that a file in an image is the
//! file that somebody wrote. `verbatim = true` in a `[[file]]` switches the check off.

use super::rules::PROGRAM_FOLDERS;

/// The folders whose files are read by programs of the device, besides [`PROGRAM_FOLDERS`].
const READ_FOLDERS: [&str; 15] = [
    "/etc/",
    "/usr/lib/NetworkManager/",
    "/usr/lib/binfmt.d/",
    "/usr/lib/environment.d/",
    "/usr/lib/modprobe.d/",
    "/usr/lib/modules-load.d/",
    "/usr/lib/netplan/",
    "/usr/lib/sysctl.d/",
    "/usr/lib/systemd/",
    "/usr/lib/sysusers.d/",
    "/usr/lib/tmpfiles.d/",
    "/usr/lib/udev/",
    "/usr/local/lib/systemd/",
    "/lib/systemd/",
    "/var/spool/cron/crontabs/",
];

/// The folders with the crontabs of packages and of users.
const CRONTABS: [&str; 2] = ["/etc/cron.d/", "/var/spool/cron/crontabs/"];

/// The byte order mark (BOM) in UTF-8, which editors of Windows write at the start of a text.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A fault for which a program of the device would misread a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The line of this number ends in CR LF. `#!/bin/sh` followed by CR does not name a program, and nft refuses a whole
    /// ruleset with such a line.
    WindowsLine(usize),
    /// The text begins with a byte order mark, so that it does not begin with `#!` or `[Unit]`.
    Mark,
    /// The last line does not end in LF. cron skips that line, and nft joins it with the line after the `include` of the
    /// file.
    OpenLine,
}

/// The first fault in `bytes`, the content of the file at `path`; `template` says whether it is rendered.
pub(super) fn fault(path: &str, bytes: &[u8], template: bool) -> Option<Fault> {
    let marked = bytes.starts_with(MARK);
    let text = if marked { &bytes[MARK.len()..] } else { bytes };
    let read = READ_FOLDERS.iter().chain(&PROGRAM_FOLDERS);
    let mut read = read.map(|folder| path.starts_with(folder));
    if bytes.contains(&0) || !(text.starts_with(b"#!") || read.any(|is| is)) {
        return None;
    }
    if marked {
        return Some(Fault::Mark);
    }
    if let Some(at) = text.windows(2).position(|pair| pair == b"\r\n") {
        let before = text[..at].iter().filter(|byte| **byte == b'\n').count();
        return Some(Fault::WindowsLine(before + 1));
    }
    let whole = path.ends_with(".nft")
        || path == "/etc/crontab"
        || CRONTABS.iter().any(|folder| path.starts_with(folder));
    // The end of a template is known only when it is rendered.
    let open = whole && !template && text.last().is_some_and(|last| *last != b'\n');
    open.then_some(Fault::OpenLine)
}

impl Fault {
    /// The title and the help of the message about the file `source`.
    pub(super) fn message(self, source: &str) -> (String, String) {
        const MEANT: &str = "or write `verbatim = true` into a `[[file]]` for it, if this is meant";
        match self {
            Self::WindowsLine(line) => (
                format!(
                    "`{source}`, line {line}: ends in CR LF, as on Windows; the program that reads it takes \
                     the CR for a part of the line"
                ),
                format!("`sed -i 's/\\r$//' FILE` makes it LF; {MEANT}"),
            ),
            Self::Mark => (
                format!(
                    "`{source}`, line 1: begins with a mark of UTF-8 (BOM), which the program that reads it \
                     takes for text"
                ),
                format!("`sed -i '1s/^\\xef\\xbb\\xbf//' FILE` takes it away; {MEANT}"),
            ),
            Self::OpenLine => (
                format!(
                    "`{source}`: the last line has no end, and is not read as a line of its own"
                ),
                format!("`echo >> FILE` ends it; {MEANT}"),
            ),
        }
    }
}

/// Whether the name of a file is one that an editor, a file manager, patch(1), a version control system, Python or an NFS
/// client leaves behind.
pub(super) fn is_left_over(path: &str) -> bool {
    const NAMES: [&str; 9] = [
        ".DS_Store",
        ".git",
        ".hg",
        ".localized",
        ".svn",
        "Thumbs.db",
        "__pycache__",
        "desktop.ini",
        "ehthumbs.db",
    ];
    let name = path.rsplit('/').next().unwrap_or(path);
    let swap = |ending| name.starts_with('.') && name.ends_with(ending);
    NAMES.contains(&name)
        || name.len() > 1 && name.ends_with('~')
        || name.starts_with("._")
        || name.starts_with(".#")
        || name.starts_with(".nfs0")
        || [".orig", ".rej"]
            .iter()
            .any(|end| name.len() > end.len() && name.ends_with(end))
        || name.len() > 2 && name.starts_with('#') && name.ends_with('#')
        || [".swp", ".swo", ".swn", ".swx"].into_iter().any(swap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_a_program_would_choke_on_is_reported_with_its_place() {
        use Fault::{Mark, OpenLine, WindowsLine};
        for (path, bytes, expected) in [
            ("/usr/local/bin/x", "#!/bin/sh\r\n", Some(WindowsLine(1))),
            ("/opt/x", "#!/bin/sh\r\necho\r\n", Some(WindowsLine(1))),
            ("/opt/x", "#!/bin/sh\necho\r\n", Some(WindowsLine(2))),
            ("/opt/x", "\u{feff}#!/bin/sh\n", Some(Mark)),
            ("/opt/x.txt", "a\r\n", None),
            ("/srv/www/x.html", "\u{feff}<p>\r\n", None),
            ("/etc/tor/torrc", "a\n\nb\r\n", Some(WindowsLine(3))),
            (
                "/etc/systemd/system/x.service",
                "\u{feff}[Unit]\n",
                Some(Mark),
            ),
            (
                "/usr/lib/imgbuild/firstboot.d/60-x",
                "a\r\n",
                Some(WindowsLine(1)),
            ),
            ("/etc/nftables.d/input/60-x.nft", "accept", Some(OpenLine)),
            ("/etc/nftables.d/input/60-x.nft", "", None),
            ("/etc/cron.d/x", "* * * * * root true", Some(OpenLine)),
            (
                "/var/spool/cron/crontabs/admin",
                "@daily true",
                Some(OpenLine),
            ),
            ("/etc/hostname", "x", None),
            ("/etc/x.bin", "\0\r\n", None),
            ("/etc/x", "a\rb\n", None),
        ] {
            let found = fault(path, bytes.as_bytes(), false);
            assert_eq!(found, expected, "{path} {bytes:?}");
        }
        assert_eq!(fault("/etc/x.nft", b"{{x}}", true), None);
    }

    #[test]
    fn leftovers_are_recognized_by_their_names() {
        let left_over = ".DS_Store run.py~ .x.swp #x# .#x Thumbs.db ._x desktop.ini .git __pycache__ \
                         .nfs000000000012 torrc.orig torrc.rej";
        for name in left_over.split_whitespace() {
            assert!(is_left_over(&format!("opt/{name}")), "{name}");
        }
        for name in "x ~ .profile # ## swp x.swp .gitignore a# _x".split(' ') {
            assert!(!is_left_over(&format!("opt/{name}")), "{name}");
        }
    }
}
