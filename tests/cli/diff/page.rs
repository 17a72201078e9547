//! The page about a difference.

use super::Made;
use crate::command::stdout;
use std::process::Command;

/// Python's parser of XML is strict: each element is closed, and each name and text is escaped.
const PARSE: &str = "import re, sys, xml.etree.ElementTree as tree
page = open(sys.argv[1]).read()
tables = re.findall('<table>.*?</table>', page, re.S)
for table in tables: tree.fromstring(table)
links = re.findall('(?:href|src)=\"([^\"]*)\"', page)
print(len(tables) > 3, '<script' in page, sorted({link[:1] for link in links}))
";

#[test]
fn the_page_is_sound_and_only_changelogs_are_elsewhere() {
    let before = Made::new();
    let after = Made::with(|root| {
        let path = root.join("var/lib/dpkg/status");
        let status = fs_err::read_to_string(&path).unwrap();
        fs_err::write(&path, status.replace("Version: 1.22\n", "Version: 1.23\n")).unwrap();
        fs_err::write(root.join("etc/<b>&'\""), "x").unwrap();
    });
    let page = before.path("page.html");
    let arguments = ["--html", page.to_str().unwrap()];
    let printed = before
        .diff([&before.image(), &after.image()], &arguments)
        .ended(1)
        .stdout;
    assert_eq!(printed, format!("{}\n", page.display()));
    let judge = stdout(Command::new("python3").args(["-c", PARSE]).arg(&page));
    assert_eq!(judge, "True False ['#', 'h']\n");
    let text = fs_err::read_to_string(&page).unwrap();
    for part in [
        "/dpkg_1.23_changelog\"",
        "/etc/&lt;b&gt;&amp;&#39;&quot;",
        "1.22 → 1.23",
    ] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
}
