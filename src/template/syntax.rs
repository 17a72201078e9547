//! The syntax tree of a template for the device, which renders it: the result of handlebars' parser as JSON.
//! So the device needs no parser, and only the engine decides where text is trimmed at the ends of lines.
//!
//! ```text
//! part        "text"
//!             {"put": value}
//!             {"if": value, "then": [part…], "else": [part…]}
//!             {"each": value, "do": [part…], "else": [part…]}
//!             {"with": value, "do": [part…], "else": [part…]}
//! value       {"path": ["settings", "hostname"], "up": 0}
//!             {"plain": 80}
//!             {"call": "eq", "of": [value…]}
//! ```
//!
//! The Perl module `Imgbuild::Template` renders it. A template that it could not render is refused here.

use super::TemplateError;
use handlebars::Path;
use handlebars::template::{HelperTemplate, Parameter, Subexpression, Template, TemplateElement};
use serde_json::{Value, json};

/// Why a template cannot be rendered on the device.
#[derive(Debug, thiserror::Error)]
pub enum SyntaxError {
    /// It is not a template, or exceeds a bound.
    #[error(transparent)]
    Parse(#[from] TemplateError),
    /// The device cannot render a part of it.
    #[error(
        "template `{template}` depends on a setting that can change on the device, where {what} is not \
         known; `overlays/README.md` lists what is"
    )]
    Unknown {
        /// The file.
        template: String,
        /// The part.
        what: String,
    },
}

/// The helpers that make a value of values, all of which `Imgbuild::Template` has.
const CALLS: [&str; 18] = [
    "address",
    "and",
    "eq",
    "family",
    "gt",
    "gte",
    "hex",
    "html",
    "join",
    "json",
    "len",
    "lt",
    "lte",
    "ne",
    "not",
    "or",
    "shell-quote",
    "url-host",
];

/// The parts of `text`, the template in the file `name`.
///
/// # Errors
///
/// The template cannot be parsed, or has a part that the device cannot render.
pub fn of(name: &str, text: &str) -> Result<Value, SyntaxError> {
    let parsed = super::parse(name, text.as_bytes())?;
    Compiler { template: name }.parts(Some(&parsed))
}

struct Compiler<'a> {
    template: &'a str,
}

impl Compiler<'_> {
    fn parts(&self, template: Option<&Template>) -> Result<Value, SyntaxError> {
        let elements = template.map_or(&[][..], |template| &template.elements);
        let mut parts = Vec::new();
        for element in elements {
            match element {
                TemplateElement::RawString(text) => parts.push(json!(text)),
                TemplateElement::Comment(_) => {}
                TemplateElement::Expression(expression)
                | TemplateElement::HtmlExpression(expression) => {
                    parts.push(json!({ "put": self.expression(expression)? }));
                }
                TemplateElement::HelperBlock(block) => parts.push(self.block(block)?),
                _ => return Err(self.unknown("a partial or decorator")),
            }
        }
        Ok(Value::Array(parts))
    }

    fn block(&self, block: &HelperTemplate) -> Result<Value, SyntaxError> {
        let name = name_of(&block.name);
        let [subject] = &block.params[..] else {
            return Err(self.unknown(&format!("`#{name}` of other than one value")));
        };
        if block.block_param.is_some() || !block.hash.is_empty() {
            return Err(self.unknown(&format!("`#{name}` with names of its own")));
        }
        let subject = self.parameter(subject)?;
        let body = self.parts(block.template.as_ref())?;
        let other = self.parts(block.inverse.as_ref())?;
        Ok(match name {
            "if" => json!({ "if": subject, "then": body, "else": other }),
            "unless" => json!({ "if": subject, "then": other, "else": body }),
            "each" | "with" => json!({ name: subject, "do": body, "else": other }),
            _ => return Err(self.unknown(&format!("the block `#{name}`"))),
        })
    }

    fn expression(&self, expression: &HelperTemplate) -> Result<Value, SyntaxError> {
        if !expression.hash.is_empty() {
            return Err(self.unknown("an argument with a name"));
        }
        if expression.params.is_empty() {
            return self.parameter(&expression.name);
        }
        let name = name_of(&expression.name);
        if !CALLS.contains(&name) {
            return Err(self.unknown(&format!("the helper `{name}`")));
        }
        let of = expression.params.iter().map(|value| self.parameter(value));
        let of = of.collect::<Result<Vec<_>, _>>()?;
        Ok(json!({ "call": name, "of": of }))
    }

    fn parameter(&self, parameter: &Parameter) -> Result<Value, SyntaxError> {
        match parameter {
            Parameter::Literal(value) => Ok(json!({ "plain": value })),
            Parameter::Path(Path::Relative((_, raw))) | Parameter::Name(raw) => self.path(raw),
            Parameter::Subexpression(Subexpression { element, .. }) => match &**element {
                TemplateElement::Expression(inner) => self.expression(inner),
                _ => Err(self.unknown("a part in parentheses")),
            },
            _ => Err(self.unknown("a name with `@`")),
        }
    }

    fn path(&self, raw: &str) -> Result<Value, SyntaxError> {
        let mut rest = raw;
        let mut up = 0;
        while let Some(outer) = rest.strip_prefix("../") {
            (rest, up) = (outer, up + 1);
        }
        // `[0]` is the first item of a list.
        fn index(name: &str) -> Option<&str> {
            name.strip_prefix('[')?.strip_suffix(']')
        }
        let names = rest.split('.').filter(|name| *name != "this");
        let names: Vec<&str> = names.map(|name| index(name).unwrap_or(name)).collect();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let is_plain = |name: &&str| !name.is_empty() && name.chars().all(plain);
        if !names.iter().all(is_plain) {
            return Err(self.unknown(&format!("the name `{raw}`")));
        }
        Ok(json!({ "path": names, "up": up }))
    }

    fn unknown(&self, what: &str) -> SyntaxError {
        SyntaxError::Unknown {
            template: self.template.to_owned(),
            what: what.to_owned(),
        }
    }
}

/// The name of a helper.
fn name_of(parameter: &Parameter) -> &str {
    match parameter {
        Parameter::Name(name) | Parameter::Path(Path::Relative((_, name))) => name,
        _ => "",
    }
}
