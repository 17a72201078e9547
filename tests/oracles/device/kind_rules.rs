//! Kinds with every rule: what a profile may say of a kind means the same for Perl as for Rust.

use super::{Case, Dice, build, image, perl, raw};
use imgbuild::compose::device::carried;
use imgbuild::compose::setting_syntax;
use imgbuild::define::{Kind, ProfileFile, Setting};
use imgbuild::diag::Diagnostics;
use serde_json::{Map, Value, json};

/// Kinds, and texts that may be of them. Each line of a kind is one of those with ` OR ` between
/// them; each piece of a text is one of those with `|` between them.
struct Sample {
    what: &'static str,
    lines: &'static [&'static str],
    pieces: &'static [&'static str],
}

const SAMPLES: [Sample; 9] = [
    Sample {
        what: "units",
        lines: &[
            "pattern = ['(?<number>[0-9.+-]*)(?<unit>[a-z]*)'] OR \
             pattern = ['(?<number>[0-9]+)(?<unit>[a-z]*)', '(?<number>[+]?[0-9]+) (?<unit>[a-z]+)']",
            r#"units = { s = 1, m = 60, k = 4294967296 } OR units = { "" = 2, s = 9223372036854775807 }"#,
            r#"measure = "x" OR "#,
        ],
        pieces: &[
            "||+|-|.|0|00",
            "1|5|.|1.5|4294967296|18446744073709551615|9007199254740993",
            "|| ",
            "|s|m|k|x",
        ],
    },
    Sample {
        what: "networks",
        lines: &[
            "pattern = ['(?<address>[0-9a-f.:]+)'] OR pattern = ['(?i:any)', '(?<address>[0-9a-fA-F.:]+)']",
            r#"networks = ["10.0.0.0/8", "!10.1.0.0/16", "10.1.2.0/24"] OR networks = ["0.0.0.0/0", "!127.0.0.0/8", "::/0", "!fe80::/10", "!::ffff:0:0/96"]"#,
        ],
        pieces: &[
            "10.0.0.1|10.1.0.1|10.1.2.3|010.0.0.1|192.0.2.1|127.0.0.1|10.0.0.256|10.0.0|::1|\
             fe80::1|::ffff:10.0.0.1|2001:db8::1|2001:DB8::1|ANY|any",
            "|||.|:",
        ],
    },
    Sample {
        what: "host-bits",
        lines: &[
            "pattern = ['(?<address>[0-9a-f.:]+)/(?<prefix>[0-9+]+)'] OR \
             pattern = ['(?<address>[0-9a-f.:]+)(?:/(?<prefix>[0-9]+))?']",
            r#"host-bits = "zero" OR host-bits = "machine""#,
            r#" OR networks = ["10.0.0.0/8", "::/0"]"#,
        ],
        pieces: &[
            "10.0.0.0|10.0.0.1|10.255.255.255|10.0.0.254|::|2001:db8::|2001:db8::1",
            "/|/|",
            "0|8|08|008|+8|24|31|32|33|64|127|128|129|256",
        ],
    },
    Sample {
        what: "ascending",
        lines: &[
            "pattern = ['(?<first>[^-]*)-(?<last>[^-]*)'] OR \
             pattern = ['(?<first>[^-]+)(?:-(?<last>[^-]+))?']",
            "ascending = true",
        ],
        pieces: &["|1|9|10|a|é|Z", "-|-|", "|1|9|10|a|é|Z"],
    },
    Sample {
        what: "words",
        lines: &[r#"words = "a b ab c""#, "squeeze = true OR squeeze = false"],
        pieces: &[" |", "a|b|c|d|é|", "  | ||", "b|a||"],
    },
    Sample {
        what: "squeeze",
        lines: &[
            "pattern = ['[ab]+(?: [ab]+)*']",
            "squeeze = true OR squeeze = false",
            " OR bytes = [2, 3]",
        ],
        pieces: &["| |  ", "a|b|x", "| |  ", "a|b|"],
    },
    Sample {
        what: "bytes",
        lines: &[
            "bytes = [0, 2] OR bytes = [2, 4]",
            " OR not = ['[ab]*', '(?i:k)']",
            " OR pattern = ['[^x]*']",
            r#" OR measure = "bytes""#,
        ],
        pieces: &["|a|é|k|\u{212a}|x", "|b|€|x", "|a|\u{1f4e1}"],
    },
    Sample {
        what: "parts",
        lines: &[
            r"pattern = ['[(?<x>]*(?<port>[0-9]+)\(?<end>(?<value>[a-z]*)'] OR pattern = ['(?<value>(?<port>[+]?[0-9]+)|(?<name>[a-z0-9-]+))x?']",
            r#"parts = { port = "port" }"#,
        ],
        pieces: &[
            "|(|<|(<x>",
            "0|1|80|65536|+5|a",
            "(<end>|<end>|x|-|",
            "|a|b",
        ],
    },
    // The first needs all its parts: it has no defaults.
    Sample {
        what: "record",
        lines: &[
            r#"form = "record""#,
            "pattern = ['(?<a>[0-9]+)(?:;(?<b>[a-z.-]*))?'] OR \
             pattern = ['(?<a>[0-9]+);(?<b>[a-z.-]+)', '(?<b>[a-z]+)=(?<a>[+]?[0-9]+)']",
            "parts = { a = \"port\", b = \"machine-name\" } OR \
             parts = { a = \"port\", b = \"machine-name\" }\ndefaults = { b = \"x\" } OR \
             parts = { a = \"port\", b = \"machine-name\", c = \"boolean\" }\ndefaults = { c = false }",
            r#" OR short = "{a};{b}""#,
        ],
        pieces: &["0|1|80|65536|x|b", ";|=|", "|a|b.c|80|-"],
    },
];

fn choose<'t>(dice: &mut Dice, texts: &'t str, between: &str) -> &'t str {
    let texts: Vec<&str> = texts.split(between).collect();
    texts[dice.below(texts.len())]
}

/// The kind with the rules `lines`.
fn kind(lines: &str) -> Kind {
    let text = format!("schema = 1\ntitle = \"x\"\n[kinds.generated]\nexpected = \"x\"\n{lines}");
    let mut diagnostics = Diagnostics::default();
    let file = ProfileFile::parse(&mut diagnostics, "x", "x", &text);
    let file = file.unwrap_or_else(|| panic!("{lines}\n{diagnostics}"));
    file.kinds[0].1.clone()
}

/// Compares `texts` as values of `setting`; returns how many of them are.
fn taken(setting: &Setting, known: &Value, texts: &[String], lines: &str) -> usize {
    let cases = texts
        .iter()
        .map(|text| Case::from([("wifi-hidden".to_owned(), text.clone())]));
    let cases: Vec<Case> = cases.collect();
    let mut taken = 0;
    for (text, answer) in texts.iter().zip(perl(known, &cases)) {
        let value = setting.read("wifi-hidden", &raw(text), &|_| ());
        let ours = value.map(|value| setting_syntax::of(setting, &value));
        taken += usize::from(ours.is_some());
        assert_eq!(
            answer["shown"]["wifi-hidden"],
            json!(ours),
            "{text:?}: {answer}\n{lines}"
        );
    }
    taken
}

#[test]
fn a_kind_is_the_same_for_perl_and_for_rust() {
    let of_image = image("wifi-hotspot", &Case::new(), &[]).unwrap();
    let mut known = carried(&of_image, build()).unwrap();
    known["files"] = json!([]);
    known["settings"]["wifi-hidden"]["type"] = "generated".into();
    let mut dice = Dice(0x0c01_0c01_5eed_5eed);
    for sample in SAMPLES {
        let (mut all, mut good) = (0, 0);
        for _ in 0..12 {
            let lines = sample.lines.iter();
            let lines = lines.map(|lines| choose(&mut dice, lines, " OR ").to_owned());
            let lines = lines.collect::<Vec<_>>().join("\n");
            let kind = kind(&lines);
            let mut rules = Map::new();
            kind.carry(&mut rules);
            for (name, rule) in rules {
                known["kinds"][name] = rule;
            }
            let limits = kind.is_measured().then_some((2, 300)).unzip();
            known["settings"]["wifi-hidden"]["min"] = json!(limits.0);
            known["settings"]["wifi-hidden"]["max"] = json!(limits.1);
            let setting = Setting {
                kind,
                min: limits.0,
                max: limits.1,
                ..of_image.profile.settings["wifi-hidden"].clone()
            };
            let texts = (0..60).map(|_| {
                let pieces = sample.pieces.iter();
                let pieces = pieces.map(|pieces| choose(&mut dice, pieces, "|").to_owned());
                pieces.collect::<String>()
            });
            let texts: Vec<String> = texts.collect();
            good += taken(&setting, &known, &texts, &lines);
            all += texts.len();
        }
        let what = sample.what;
        assert!(good > 20 && good < all, "{what}: {good} of {all}");
    }
}
