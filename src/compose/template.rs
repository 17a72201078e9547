//! Templates of overlays: handlebars in strict mode, where an unknown name is an error and not an
//! empty text. Nothing is escaped; whoever writes into a quoted place uses the helper for it.
//! `overlays/README.md` lists the helpers and the names that templates see.

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, JsonTruthy, Output, RenderContext,
    RenderError, RenderErrorReason, Renderable, ScopedJson, no_escape,
};
use serde_json::Value;

/// A template that cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot render template `{template}`, line {line}, column {column}: {reason}")]
pub struct TemplateError {
    /// The file.
    pub template: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

/// The engine with its helpers.
#[derive(Debug)]
pub struct Templates {
    engine: Handlebars<'static>,
}

impl Default for Templates {
    fn default() -> Self {
        Self::new()
    }
}

impl Templates {
    /// Knows every helper.
    pub fn new() -> Self {
        let mut engine = Handlebars::new();
        engine.set_strict_mode(true);
        engine.register_escape_fn(no_escape);
        for (name, convert, expected) in CONVERSIONS {
            let helper = Conversion {
                name,
                convert,
                expected,
            };
            engine.register_helper(name, Box::new(helper));
        }
        engine.register_helper("join", Box::new(Join));
        engine.register_helper("if", Box::new(If { wanted: true }));
        engine.register_helper("unless", Box::new(If { wanted: false }));
        engine.register_helper("and", Box::new(Junction { all: true }));
        engine.register_helper("or", Box::new(Junction { all: false }));
        Self { engine }
    }

    /// What `text`, the template of file `name`, makes of `context`.
    pub fn render(&self, name: &str, text: &str, context: &Value) -> Result<String, TemplateError> {
        let rendered = self.engine.render_template(text, context);
        rendered.map_err(|error| failure(name, &error))
    }
}

fn failure(name: &str, error: &RenderError) -> TemplateError {
    let parsed = match error.reason() {
        RenderErrorReason::TemplateError(parse) => parse.pos().map(|at| (at, parse.reason())),
        _ => None,
    };
    let (line, column, reason) = match parsed {
        Some(((line, column), reason)) => (line, column, reason.to_string()),
        None => {
            let (line, column) = (error.line_no.unwrap_or(1), error.column_no.unwrap_or(1));
            (line, column, explain(error.reason()))
        }
    };
    TemplateError {
        template: name.to_owned(),
        line,
        column,
        reason,
    }
}

fn explain(reason: &RenderErrorReason) -> String {
    match reason {
        RenderErrorReason::MissingVariable(Some(path)) => format!("`{path}` is not known"),
        RenderErrorReason::MissingVariable(None) => "a name is not known".to_owned(),
        RenderErrorReason::ParamNotFoundForName(helper, _)
        | RenderErrorReason::ParamNotFoundForIndex(helper, _) => {
            format!("what is given to `{helper}` is not known or missing")
        }
        RenderErrorReason::HelperNotFound(helper) => format!("no helper is called `{helper}`"),
        other => other.to_string(),
    }
}

/// A helper's name, what it does, and what it expects.
type ConversionRow = (&'static str, fn(&Value) -> Option<String>, &'static str);

const CONVERSIONS: [ConversionRow; 6] = [
    ("hex", hex, "a text"),
    ("html", html, "a text"),
    ("json", json, "a value"),
    ("shell-quote", shell_quote, "a text, a number or a boolean"),
    ("address", address, "an address with its prefix length"),
    ("family", family, "an address or a network"),
];

fn hex(value: &Value) -> Option<String> {
    let bytes = value.as_str()?.bytes();
    Some(bytes.map(|byte| format!("{byte:02x}")).collect())
}

/// Text between the tags of a page.
fn html(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    Some(text.replace('>', "&gt;").replace('"', "&quot;"))
}

fn json(value: &Value) -> Option<String> {
    Some(value.to_string())
}

/// One word of a POSIX shell.
fn shell_quote(value: &Value) -> Option<String> {
    let text = plain(value)?;
    Some(format!("'{}'", text.replace('\'', r"'\''")))
}

/// `192.168.42.1` of `192.168.42.1/24`.
fn address(value: &Value) -> Option<String> {
    let (address, _) = value.as_str()?.split_once('/')?;
    Some(address.to_owned())
}

/// What nftables calls the protocol of an address or network: `ip` or `ip6`.
fn family(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let address = text.split('/').next()?.parse::<std::net::IpAddr>().ok()?;
    Some(if address.is_ipv4() { "ip" } else { "ip6" }.to_owned())
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A helper that makes a text of one value.
struct Conversion {
    name: &'static str,
    convert: fn(&Value) -> Option<String>,
    expected: &'static str,
}

impl HelperDef for Conversion {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let value = argument(helper, self.name, 0)?;
        let text = (self.convert)(value);
        let text = text.ok_or_else(|| wrong(self.name, self.expected, value))?;
        Ok(ScopedJson::Derived(Value::String(text)))
    }
}

/// `join LIST SEPARATOR`.
struct Join;

impl HelperDef for Join {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let (list, separator) = (argument(helper, "join", 0)?, argument(helper, "join", 1)?);
        let items = list.as_array().map(|items| items.iter().map(plain));
        let items: Option<Vec<String>> = items.and_then(Iterator::collect);
        let items = items.ok_or_else(|| wrong("join", "a list of plain values", list))?;
        let separator = separator.as_str();
        let separator = separator.ok_or_else(|| wrong("join", "a text to join with", list))?;
        Ok(ScopedJson::Derived(Value::String(items.join(separator))))
    }
}

/// `if` and `unless`. The engine's own take a name that nobody knows for false, also in strict mode.
struct If {
    wanted: bool,
}

impl HelperDef for If {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        engine: &'reg Handlebars<'reg>,
        context: &'rc Context,
        render: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let value = argument(helper, if self.wanted { "if" } else { "unless" }, 0)?;
        let branch = match value.is_truthy(false) == self.wanted {
            true => helper.template(),
            false => helper.inverse(),
        };
        branch.map_or(Ok(()), |branch| branch.render(engine, context, render, out))
    }
}

/// `and` and `or` of any number of values, for the same reason as [`If`].
struct Junction {
    all: bool,
}

impl HelperDef for Junction {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let name = if self.all { "and" } else { "or" };
        let values = (0..helper.params().len()).map(|index| argument(helper, name, index));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let mut truths = values.iter().map(|value| value.is_truthy(false));
        let holds = match self.all {
            true => truths.all(|truth| truth),
            false => truths.any(|truth| truth),
        };
        Ok(ScopedJson::Derived(Value::Bool(holds)))
    }
}

fn argument<'h>(
    helper: &'h Helper<'_>,
    name: &'static str,
    index: usize,
) -> Result<&'h Value, RenderErrorReason> {
    let found = helper.param(index);
    let found = found.ok_or(RenderErrorReason::ParamNotFoundForIndex(name, index))?;
    if found.is_value_missing() {
        let path = found.relative_path().cloned();
        return Err(RenderErrorReason::MissingVariable(path));
    }
    Ok(found.value())
}

/// The value itself is not named: it may be a secret.
fn wrong(helper: &str, expected: &str, found: &Value) -> RenderErrorReason {
    let kind = match found {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    };
    RenderErrorReason::Other(format!("`{helper}` expects {expected} and found {kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(text: &str) -> Result<String, String> {
        let context = json!({ "settings": {
            "ssid": "a'b", "cidr": "192.168.42.1/24", "on": true, "off": false, "none": null,
            "list": ["a", "b"], "port": 80,
        }});
        let rendered = Templates::new().render("x.hbs", text, &context);
        rendered.map_err(|error| error.to_string())
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
}
