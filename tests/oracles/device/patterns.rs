//! Patterns of kinds: whatever the syntax has means the same for Perl as for Rust, down to the parts.

use super::{Case, Dice, build, image, perl};
use imgbuild::compose::device::carried;
use imgbuild::define::{Kind, ProfileFile, Raw, Value};
use imgbuild::diag::Diagnostics;
use serde_json::{Map, json};

/// A pattern of the syntax, of some parts in a row.
fn pattern(dice: &mut Dice, depth: usize) -> String {
    let mut text = String::new();
    for _ in 0..=dice.below(3) {
        let signs = [
            "a",
            "b",
            "B",
            "-",
            r"\.",
            r"\$",
            "[a-b.]",
            "[^b]",
            "[^a.]",
            r"[B\]\\-]",
            "#",
            "@",
        ];
        let repeated = match dice.below(if depth > 0 { 6 } else { 4 }) {
            0..=3 => signs[dice.below(signs.len())].to_owned(),
            4 => {
                let (one, other) = (pattern(dice, depth - 1), pattern(dice, depth - 1));
                format!("(?:{one}|{other}|)")
            }
            _ => format!("(?i:{})", pattern(dice, depth - 1)),
        };
        text += &repeated;
        text += ["", "", "", "?", "*", "+", "{2}", "{0,2}"][dice.below(8)];
    }
    text
}

/// The kind of which all texts have this pattern.
fn kind(pattern: &str) -> Kind {
    let text = format!(
        "schema = 1\ntitle = \"x\"\n[kinds.generated]\nexpected = \"x\"\npattern = ['{pattern}']\n"
    );
    let mut diagnostics = Diagnostics::default();
    let file = ProfileFile::parse(&mut diagnostics, "x", "x", &text);
    let file = file.unwrap_or_else(|| panic!("{diagnostics}"));
    file.kinds[0].1.clone()
}

#[test]
fn a_pattern_is_the_same_for_perl_and_for_rust() {
    let of_image = image("wifi-hotspot", &Case::new(), &[]).unwrap();
    let mut known = carried(&of_image, build()).unwrap();
    known["files"] = json!([]);
    known["settings"]["wifi-hidden"]["type"] = "generated".into();
    let mut dice = Dice(0x005e_ed0f_9a77_e215);
    let mut taken = 0;
    for _ in 0..150 {
        let parts = [(); 3].map(|()| pattern(&mut dice, 2));
        let pattern = format!("{}(?<value>{})(?:{})", parts[0], parts[1], parts[2]);
        let kind = kind(&pattern);
        let mut rules = Map::new();
        kind.carry(&mut rules);
        known["kinds"]["generated"] = rules["generated"].clone();
        let letters: Vec<char> = "aabbAB.-$]\\#@\u{e9}\u{17f}\u{212a} ".chars().collect();
        let texts = (0..80).map(|_| {
            let length = dice.below(7);
            let letters = (0..length).map(|_| letters[dice.below(letters.len())]);
            letters.collect::<String>()
        });
        let texts: Vec<String> = texts.collect();
        let cases = texts
            .iter()
            .map(|text| Case::from([("wifi-hidden".to_owned(), text.clone())]));
        let cases: Vec<Case> = cases.collect();
        for (text, answer) in texts.iter().zip(perl(&known, &cases)) {
            let ours = match kind.read(&Raw::Text(text.clone())) {
                Some(Value::Text(value)) => json!(value),
                _ => json!(null),
            };
            assert_eq!(
                answer["shown"]["wifi-hidden"], ours,
                "{pattern}: {text:?}: {answer}"
            );
            taken += usize::from(ours.is_string());
        }
    }
    assert!(taken > 200, "{taken}");
}
