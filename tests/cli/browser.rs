//! A browser that reads a page as its user's would, without a window.

use crate::command;
use crate::fixture::{PROGRAM, run};
use crate::inspect::made::Made;
use std::path::Path;
use std::process::Command;

/// Counts the colours of a PNG without a palette, as chromium writes it: the filters of its lines are undone.
const COLOURS: &str = "import struct, sys, zlib
data = open(sys.argv[1], 'rb').read()
width, height, depth, kind = struct.unpack('>IIBB', data[16:26])
assert depth == 8
step, at, packed = {2: 3, 6: 4}[kind], 8, b''
while at < len(data):
    size, name = struct.unpack('>I4s', data[at:at + 8])
    packed += data[at + 8:at + 8 + size] if name == b'IDAT' else b''
    at += size + 12
raw, stride, colours = zlib.decompress(packed), width * step, set()
last = bytes(stride)
for row in range(height):
    mode, line = raw[row * (stride + 1)], bytearray(raw[row * (stride + 1) + 1:(row + 1) * (stride + 1)])
    for i in range(stride):
        a, b = line[i - step] if i >= step else 0, last[i]
        c = last[i - step] if i >= step else 0
        near = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
        line[i] = line[i] + [0, a, b, (a + b) // 2, near][mode] & 255
    last = bytes(line)
    colours.update(last[i:i + step] for i in range(0, stride, step))
print(len(colours))
";

/// The browser, which can reach nothing but files.
fn browser(page: &Path) -> Command {
    let mut browser = Command::new("chromium-headless-shell");
    // A container has no second user for its sandbox, and perhaps no /dev/shm.
    browser.args(["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]);
    browser.args([
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--window-size=900,700",
    ]);
    let profile = page.with_extension("profile");
    browser.arg(format!("--user-data-dir={}", profile.display()));
    browser
}

/// The elements that the browser has made of `page`, written as HTML.
pub(crate) fn elements(page: &Path) -> String {
    let mut browser = browser(page);
    let printed = command::run(browser.arg("--dump-dom").arg(address(page)));
    let errors = String::from_utf8_lossy(&printed.stderr).into_owned();
    assert!(!errors.contains("CONSOLE"), "{errors}");
    String::from_utf8(printed.stdout).expect("UTF-8")
}

/// The number of colours that the browser shows of `page`.
pub(crate) fn colours(page: &Path) -> usize {
    let picture = page.with_extension("png");
    let mut browser = browser(page);
    browser.arg(format!("--screenshot={}", picture.display()));
    command::run(browser.arg(address(page)));
    let count = command::stdout(Command::new("python3").args(["-c", COLOURS]).arg(&picture));
    count.trim().parse().expect("a number")
}

fn address(page: &Path) -> String {
    format!("file://{}", page.display())
}

/// The elements that both pages have.
const ELEMENTS: [&str; 14] = [
    "svg", "g", "rect", "text", "title", "table", "tr", "th", "td", "details", "summary", "a",
    "h1", "h2",
];

/// Checks that the browser makes of `page` the elements that were written, and shows them.
fn check(page: &Path) -> String {
    let written = fs_err::read_to_string(page).unwrap();
    let shown = elements(page);
    for element in ELEMENTS {
        let count = |text: &str| {
            let open = [" ", ">"].map(|end| text.matches(&format!("<{element}{end}")).count());
            open[0] + open[1]
        };
        assert_eq!(count(&shown), count(&written), "<{element}> of {shown}");
    }
    let hostile = ["<script", "<img", "<iframe"];
    assert!(!hostile.iter().any(|it| shown.contains(it)), "{shown}");
    let colours = colours(page);
    assert!(colours > 8, "only {colours} colours are shown");
    shown
}

/// A name that would become elements, and run, if a page did not write it out.
const NAME: &str = "<img src=x onerror=\"alert(1)\">&lt;'<script>";

#[test]
fn a_browser_shows_what_an_image_is() {
    let made = Made::with(|root| {
        fs_err::write(root.join("usr").join(NAME), vec![b'x'; 4 << 20]).unwrap();
        fs_err::write(root.join("etc/hostname"), NAME).unwrap();
    });
    let page = made.path("page.html");
    made.inspect(&["--html", page.to_str().unwrap()])
        .succeeded();
    let shown = check(&page);
    for part in [
        "Debian GNU/Linux 13 (trixie)",
        "BOOTFS",
        "/usr/&lt;img src=x",
        "/etc/shadow:4",
    ] {
        assert!(shown.contains(part), "`{part}` is not in {shown}");
    }
}

#[test]
fn a_browser_shows_what_differs() {
    let before = Made::new();
    let after = Made::with(|root| {
        let path = root.join("var/lib/dpkg/status");
        let status = fs_err::read_to_string(&path).unwrap();
        let status = status.replace("Version: 1.22\n", "Version: 1.23\"><script>\n");
        fs_err::write(&path, status).unwrap();
        fs_err::write(root.join(NAME), "x").unwrap();
    });
    let page = before.path("page.html");
    let mut diff = Command::new(PROGRAM);
    diff.env_clear()
        .arg("diff")
        .args([before.image(), after.image()]);
    run(diff.arg("--html").arg(&page)).ended(1);
    let shown = check(&page);
    let link = "changelogs/main/d/dpkg/dpkg_1.23%22%3e%3cscript%3e_changelog\"";
    for part in [link, "1.22 → 1.23\"&gt;&lt;script&gt;", "/&lt;img src=x"] {
        assert!(shown.contains(part), "`{part}` is not in {shown}");
    }
}
