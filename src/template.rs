//! Templates of overlays: handlebars in strict mode, where an unknown name is an error and not an
//! empty text. Values are not escaped; a template calls a helper where it needs quotes.
//! `overlays/README.md` lists the helpers and the names that templates can use.

mod bounds;
pub mod syntax;

use bounds::{Budget, Refused, Rendered};
use handlebars::template::Template;
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
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1.
    pub column: usize,
    /// The fault.
    pub reason: String,
}

/// Parses `bytes`, the content of the template in the file `name`.
///
/// # Errors
///
/// It is not a template, or exceeds a bound.
pub(crate) fn parse(name: &str, bytes: &[u8]) -> Result<Template, TemplateError> {
    let refusal = |(line, column), reason| TemplateError {
        template: name.to_owned(),
        line,
        column,
        reason,
    };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let lines = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n');
        let column = lines.clone().next_back().map_or(0, <[u8]>::len) + 1;
        refusal((lines.count(), column), "it is not UTF-8 text".to_owned())
    })?;
    bounds::parse(text).map_err(|refused| match refused {
        Refused::Syntax(error) => {
            refusal(error.pos().unwrap_or((1, 1)), error.reason().to_string())
        }
        Refused::Bound(words) => refusal((1, 1), words),
    })
}

/// Renders `bytes`, the content of the template in the file `name`, with the values of `context`.
///
/// # Errors
///
/// The template has a fault, uses an unknown name, or exceeds a bound.
pub fn render(
    name: &str,
    bytes: impl AsRef<[u8]>,
    context: &Value,
) -> Result<String, TemplateError> {
    let template = parse(name, bytes.as_ref())?;
    let budget = Budget::new();
    let mut engine = engine(&budget);
    engine.register_template(name, bounds::counted(template));
    let mut rendered = Rendered::default();
    let written = engine.render_to_write(name, context, &mut rendered);
    written.map_err(|error| failure(name, &error))?;
    // All parts of it are UTF-8.
    Ok(String::from_utf8_lossy(&rendered.0).into_owned())
}

fn engine(budget: &Budget) -> Handlebars<'static> {
    let mut engine = Handlebars::new();
    engine.set_strict_mode(true);
    engine.register_escape_fn(no_escape);
    budget.install(&mut engine);
    for (name, convert, expected) in CONVERSIONS {
        let budget = budget.clone();
        let helper = function(move |helper| {
            let value = argument(helper, name, 0)?;
            // Some helpers make several letters of one, and they may be nested.
            budget.take_text(value.as_str().map_or(0, str::len))?;
            let text = convert(value).ok_or_else(|| wrong(name, expected, value))?;
            budget.take_text(text.len())?;
            Ok(Value::String(text))
        });
        engine.register_helper(name, helper);
    }
    let budget = budget.clone();
    engine.register_helper("join", function(move |helper| join(helper, &budget)));
    engine.register_helper("if", Box::new(If { wanted: true }));
    engine.register_helper("unless", Box::new(If { wanted: false }));
    let all = function(|helper| Ok(truths(helper, "and")?.iter().all(|it| *it).into()));
    engine.register_helper("and", all);
    let any = function(|helper| Ok(truths(helper, "or")?.iter().any(|it| *it).into()));
    engine.register_helper("or", any);
    engine
}

fn failure(name: &str, error: &RenderError) -> TemplateError {
    TemplateError {
        template: name.to_owned(),
        line: error.line_no.unwrap_or(1),
        column: error.column_no.unwrap_or(1),
        reason: explain(error.reason()),
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
        RenderErrorReason::IOError(error) => error.to_string(),
        RenderErrorReason::HelperNotFound(helper) => format!("no helper is called `{helper}`"),
        other => other.to_string(),
    }
}

/// The name of a helper, its function, and the argument that it expects.
type ConversionRow = (&'static str, fn(&Value) -> Option<String>, &'static str);

const CONVERSIONS: [ConversionRow; 7] = [
    ("hex", hex, "a text"),
    ("html", html, "a text"),
    ("json", json, "a value"),
    ("shell-quote", shell_quote, "a text, a number or a boolean"),
    ("address", address, "an address with its prefix length"),
    ("family", family, "an address or a network"),
    ("url-host", url_host, "a host name or an address"),
];

fn hex(value: &Value) -> Option<String> {
    value.as_str().map(hex::encode)
}

/// Escapes text for HTML, between tags and in attributes.
fn html(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    Some(text.replace('>', "&gt;").replace('"', "&quot;"))
}

fn json(value: &Value) -> Option<String> {
    Some(value.to_string())
}

/// Quotes a text as one word of a POSIX shell.
fn shell_quote(value: &Value) -> Option<String> {
    let text = plain(value)?;
    Some(format!("'{}'", text.replace('\'', r"'\''")))
}

/// `192.168.42.1` of `192.168.42.1/24`.
fn address(value: &Value) -> Option<String> {
    let (address, _) = value.as_str()?.split_once('/')?;
    Some(address.to_owned())
}

/// The family of an address or network in nftables: `ip` or `ip6`.
fn family(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let address = text.split('/').next()?.parse::<std::net::IpAddr>().ok()?;
    Some(if address.is_ipv4() { "ip" } else { "ip6" }.to_owned())
}

/// A host for URLs and for the header `Host` of HTTP (RFC 3986 §3.2.2): an IPv6 address is in brackets.
fn url_host(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    Some(match text.contains(':') {
        true => format!("[{text}]"),
        false => text.to_owned(),
    })
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A helper that makes a value of its arguments.
struct Function<F>(F);

fn function<F>(make: F) -> Box<dyn HelperDef + Send + Sync>
where
    F: Fn(&Helper<'_>) -> Result<Value, RenderErrorReason> + Send + Sync + 'static,
{
    Box::new(Function(make))
}

impl<F> HelperDef for Function<F>
where
    F: Fn(&Helper<'_>) -> Result<Value, RenderErrorReason>,
{
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        Ok(ScopedJson::Derived((self.0)(helper)?))
    }
}

/// `join LIST SEPARATOR`.
fn join(helper: &Helper<'_>, budget: &Budget) -> Result<Value, RenderErrorReason> {
    let (list, separator) = (argument(helper, "join", 0)?, argument(helper, "join", 1)?);
    let items = list.as_array().map(|items| items.iter().map(plain));
    let items: Option<Vec<String>> = items.and_then(Iterator::collect);
    let items = items.ok_or_else(|| wrong("join", "a list of plain values", list))?;
    let separator = separator.as_str();
    let separator = separator.ok_or_else(|| wrong("join", "a text to join with", list))?;
    let len = items.iter().map(|item| item.len() + separator.len());
    budget.take_text(len.sum())?;
    Ok(Value::String(items.join(separator)))
}

/// Whether each argument of `and` or `or` is true. The engine's own helpers take an unknown name for
/// false, also in strict mode.
fn truths(helper: &Helper<'_>, name: &'static str) -> Result<Vec<bool>, RenderErrorReason> {
    let values = (0..helper.params().len()).map(|index| argument(helper, name, index));
    values.map(|value| Ok(value?.is_truthy(false))).collect()
}

/// `if` and `unless`. The engine's own helpers take an unknown name for false, also in strict mode.
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

/// The error about an argument of the wrong type. It does not have the value, which may be a secret.
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
mod tests;
