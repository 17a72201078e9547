//! Generated templates: what imgbuild's engine makes of a template, the device's Perl makes of its syntax tree.

use super::{Case, Dice, build, image, perl};
use imgbuild::compose::device::carried;
use imgbuild::template::{self, syntax};
use serde_json::{Value, json};

/// The values that the templates use, below the name `g`.
fn values() -> Value {
    json!({
        "text": "it's <a> & \"b\"", "empty": "", "digits": "10", "zero": 0, "number": 7, "on": true, "off": false,
        "none": null, "words": ["x", "10", "é"], "numbers": [0, 3], "nothing": [],
        "rows": [{ "name": "a", "port": 1 }, { "name": "", "port": 0 }], "row": { "name": "b", "port": 2 },
        "cidr": "192.168.4.1/24", "cidr6": "fd00::1/64",
    })
}

/// Where a template is: how many blocks have changed what names mean, and whether the innermost value is a row.
#[derive(Clone, Copy)]
struct Scope {
    up: usize,
    row: bool,
}

impl Scope {
    fn outer(self, name: &str) -> String {
        format!("{}g.{name}", "../".repeat(self.up))
    }
}

fn pick<'a>(dice: &mut Dice, from: &[&'a str]) -> &'a str {
    from[dice.below(from.len())]
}

/// A value, mostly one that can be put into a text.
fn value(dice: &mut Dice, scope: Scope, depth: usize) -> String {
    match dice.below(if depth > 0 { 9 } else { 5 }) {
        0 if scope.up > 0 && scope.row => pick(dice, &["name", "this.port", "port"]).to_owned(),
        0 if scope.up > 0 => "this".to_owned(),
        1 => pick(
            dice,
            &["\"a\"", "\"\"", "7", "0", "true", "false", "\"10\"", "10"],
        )
        .to_owned(),
        2 => {
            let name = pick(
                dice,
                &[
                    "rows.[1].name",
                    "row.port",
                    "words.[0]",
                    "row.missing",
                    "words.[9]",
                ],
            );
            scope.outer(name)
        }
        0 | 3 | 4 => {
            let names = [
                "text", "empty", "digits", "zero", "number", "on", "off", "none", "words",
                "nothing", "row", "cidr",
            ];
            let name = pick(dice, &names);
            scope.outer(name)
        }
        5 => {
            let helper = pick(dice, &["eq", "ne", "gt", "gte", "lt", "lte", "and", "or"]);
            let (one, other) = (value(dice, scope, depth - 1), value(dice, scope, depth - 1));
            format!("({helper} {one} {other})")
        }
        6 => {
            let list = scope.outer(pick(dice, &["words", "numbers", "nothing", "rows"]));
            format!("(join {list} {})", pick(dice, &["\", \"", "\"\""]))
        }
        7 => {
            let helper = pick(dice, &["address", "family"]);
            format!(
                "({helper} {})",
                scope.outer(pick(dice, &["cidr", "cidr6", "text", "row"]))
            )
        }
        _ => {
            let helper = pick(
                dice,
                &[
                    "not",
                    "len",
                    "json",
                    "shell-quote",
                    "html",
                    "hex",
                    "url-host",
                ],
            );
            format!("({helper} {})", value(dice, scope, depth - 1))
        }
    }
}

/// What stands between `{{` and `}}`: handlebars has no parentheses around the outermost call, and
/// takes no literal there.
fn expression(dice: &mut Dice, scope: Scope) -> String {
    let value = value(dice, scope, 2);
    match value.strip_prefix('(') {
        Some(call) => call.strip_suffix(')').unwrap().to_owned(),
        None => format!("json {value}"),
    }
}

fn generate(dice: &mut Dice, scope: Scope, depth: usize) -> String {
    let mut text = String::new();
    for _ in 0..=dice.below(3) {
        text += pick(dice, &["a ", "\n", " b\n", "", "  "]);
        let otherwise = pick(dice, &["", "{{else}}\n  other\n"]);
        text += &match dice.below(if depth > 0 { 7 } else { 3 }) {
            0..=2 => format!("{{{{{}}}}}", expression(dice, scope)),
            block @ 3..=4 => {
                let name = ["if", "unless"][block - 3];
                let (subject, body) = (value(dice, scope, 2), generate(dice, scope, depth - 1));
                format!("{{{{#{name} {subject}}}}}\n{body}{otherwise}{{{{/{name}}}}}\n")
            }
            5 => {
                let list = pick(dice, &["words", "numbers", "nothing", "rows", "text"]);
                let inner = Scope {
                    up: scope.up + 1,
                    row: list == "rows",
                };
                let body = generate(dice, inner, depth - 1);
                format!(
                    "{{{{#each {}}}}}\n{body}{otherwise}{{{{/each}}}}\n",
                    scope.outer(list)
                )
            }
            _ => {
                let subject = pick(dice, &["row", "text", "nothing", "none", "zero"]);
                let inner = Scope {
                    up: scope.up + 1,
                    row: subject == "row",
                };
                let body = generate(dice, inner, depth - 1);
                format!(
                    "{{{{#with {}}}}}{body}{otherwise}{{{{/with}}}}\n",
                    scope.outer(subject)
                )
            }
        };
    }
    text
}

#[test]
fn a_generated_template_is_rendered_as_by_imgbuild() {
    let spec = image("wifi-hotspot", &Case::new(), &[]).unwrap();
    let mut known = carried(&spec, build()).unwrap();
    known["context"]["g"] = values();
    let mut context = spec.context(build());
    context["g"] = values();
    let mut dice = Dice(0x0007_e3b1_a7e5_0005);
    let scope = Scope { up: 0, row: false };
    let templates: Vec<String> = (0..1500).map(|_| generate(&mut dice, scope, 2)).collect();
    // The setting says which of the templates is rendered, so that one process answers for all.
    known["settings"]["wifi-hidden"]["type"] = "integer".into();
    let file = |(number, text): (usize, &String)| {
        let parts = syntax::of("x.hbs", text).unwrap_or_else(|error| panic!("{text}: {error}"));
        json!({
            "path": "/x", "mode": "0644", "owner": "root", "group": "root", "parts": parts,
            "when": { "setting": "wifi-hidden", "is": number.to_string() },
        })
    };
    known["files"] = templates.iter().enumerate().map(file).collect();
    let case = |number: usize| Case::from([("wifi-hidden".to_owned(), number.to_string())]);
    let cases: Vec<Case> = (0..templates.len()).map(case).collect();
    let mut rendered = 0;
    for (text, answer) in templates.iter().zip(perl(&known, &cases)) {
        match template::render("x.hbs", text, &context) {
            Ok(expected) => {
                assert_eq!(answer["files"]["/x"], json!(expected), "{text}\n{answer}");
                rendered += 1;
            }
            Err(error) => assert!(
                answer["refused"].is_string(),
                "{text}\n{error}, but: {answer}"
            ),
        }
    }
    assert!(rendered > 300, "{rendered} of {}", templates.len());
}
