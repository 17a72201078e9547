//! Tests of rendered templates, and of templates that are refused.

use serde_json::json;

fn render(text: &str) -> Result<String, String> {
    let context = json!({ "settings": {
        "ssid": "a'b", "cidr": "192.168.42.1/24", "on": true, "off": false, "none": null,
        "list": ["a", "b"], "port": 80, "big": (0..1000).collect::<Vec<_>>(),
    }});
    super::render("x.hbs", text, &context).map_err(|error| error.to_string())
}

#[test]
fn helpers_do_what_the_readme_says() {
    for (template, expected) in [
        ("{{hex settings.ssid}}", "612762"),
        ("{{shell-quote settings.ssid}}", r"'a'\''b'"),
        ("{{json settings.list}}", r#"["a","b"]"#),
        ("{{join settings.list \", \"}}", "a, b"),
        ("{{address settings.cidr}}", "192.168.42.1"),
        ("{{family settings.cidr}}", "ip"),
        ("{{settings.ssid}} <&>", "a'b <&>"),
        ("{{#if settings.on}}1{{else}}2{{/if}}", "1"),
        ("{{#unless settings.off}}1{{/unless}}", "1"),
        ("{{#if settings.none}}1{{else}}2{{/if}}", "2"),
        ("{{#if (eq settings.port 80)}}1{{/if}}", "1"),
        ("{{#if settings.off}}1{{else if settings.on}}3{{/if}}", "3"),
        ("{{#each settings.list}}{{this}};{{/each}}", "a;b;"),
        ("a\n{{#if settings.on}}\nb\n{{/if}}\nc\n", "a\nb\nc\n"),
    ] {
        assert_eq!(render(template).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn an_unknown_name_is_an_error_wherever_it_stands() {
    for template in [
        "{{settings.sid}}",
        "{{#if settings.sid}}x{{/if}}",
        "{{#unless settings.sid}}x{{/unless}}",
        "{{#if (eq settings.sid 1)}}x{{/if}}",
        "{{#if (not settings.sid)}}x{{/if}}",
        "{{#if (and settings.on settings.sid)}}x{{/if}}",
        "{{#if (or settings.sid settings.on)}}x{{/if}}",
        "{{#each settings.sid}}x{{/each}}",
        "{{hex settings.sid}}",
        "{{nothing settings.ssid}}",
    ] {
        assert!(
            render(template).is_err(),
            "{template}: {:?}",
            render(template)
        );
    }
}

#[test]
fn errors_name_file_and_line() {
    assert_eq!(
        render("a\n{{settings.sid}}\n").unwrap_err(),
        "cannot render template `x.hbs`, line 2, column 1: `settings.sid` is not known"
    );
    let broken = render("a\nb\n{{#if settings.on}}\n").unwrap_err();
    assert!(
        broken.starts_with("cannot render template `x.hbs`, line "),
        "{broken}"
    );
    assert_eq!(
        render("{{hex settings.port}}").unwrap_err(),
        "cannot render template `x.hbs`, line 1, column 1: `hex` expects a text and found a number"
    );
}

/// Each template is refused with its reason. Without bounds it would crash the process or take minutes.
#[test]
fn a_template_can_neither_keep_a_build_busy_nor_end_it() {
    let nested = |open: &str, inner: &str, close: &str, n: usize| {
        format!("{}{inner}{}", open.repeat(n), close.repeat(n))
    };
    let on = "{{#if settings.on}}";
    let each = "{{#each settings.big}}";
    let big = "{{#each @root.settings.big}}";
    for (template, reason) in [
        (
            r#"{{#*inline "a"}}{{> a}}{{/inline}}{{> a}}"#.to_owned(),
            "partials and decorators",
        ),
        (
            "{{#> a}}{{> @partial-block}}{{/a}}".to_owned(),
            "partials and decorators",
        ),
        ("{{> x}}".to_owned(), "partials and decorators"),
        ("{{* x}}".to_owned(), "partials and decorators"),
        (nested(on, "", "{{/if}}", 20_000), "bytes, expected"),
        (nested("{{#a}}", "", "{{/a}}", 2_000), "nest too deep"),
        (nested(on, "", "{{/if}}", 40), "nest too deep"),
        (
            format!(
                "{on}{}{{{{/if}}}}",
                "{{else if settings.off}}".repeat(3_000)
            ),
            "nest too deep",
        ),
        (
            format!(
                "{{{{json {}settings.on{}}}}}",
                "(json ".repeat(9_000),
                ")".repeat(9_000)
            ),
            "nest too deep",
        ),
        (
            format!(
                "{{{{json {}settings.on{}}}}}",
                "(json ".repeat(40),
                ")".repeat(40)
            ),
            "nest too deep",
        ),
        (
            format!("{{{{a \"}}}}\" {}x", "(".repeat(100_000)),
            "nest too deep",
        ),
        (
            format!("{{{{#each {}", "[".repeat(100_000)),
            "nest too deep",
        ),
        (
            format!("{each}{big}{big}{{{{/each}}}}{{{{/each}}}}{{{{/each}}}}"),
            "steps; are there lists",
        ),
        (
            format!(
                "{{{{json {}settings.ssid{}}}}}",
                "(shell-quote ".repeat(20),
                ")".repeat(20)
            ),
            "a helper's value has",
        ),
        (
            format!("{each}{{{{hex (json ../settings.big)}}}}{{{{/each}}}}"),
            "steps; are there lists",
        ),
        (
            format!("{each}{}{{{{/each}}}}", "x".repeat(200_000)),
            "more than 16777216 bytes",
        ),
    ] {
        let shown = &template[..template.len().min(60)];
        let refused = render(&template).unwrap_err();
        assert!(refused.contains(reason), "{shown}: {refused}");
    }
    assert_eq!(render(&nested(on, "x", "{{/if}}", 30)).as_deref(), Ok("x"));
    let smileys = ":( ".repeat(150);
    assert_eq!(render(&smileys).as_deref(), Ok(smileys.as_str()));
}
