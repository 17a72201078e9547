//! What a template may cost. Whoever writes one must not be able to keep a build busy, or to end it: the
//! engine itself follows partials that name themselves until the stack is used up, and lists in lists
//! without end.
//!
//! A template is therefore small, nests little, and has no partials or decorators; that is looked at before
//! the engine's own parser, which calls itself for each level, and exactly after it. What rendering costs is
//! counted: each part that is rendered, and each letter that a helper makes, takes from a budget.

use handlebars::template::{HelperTemplate, Parameter, Template, TemplateElement};
use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderError,
    RenderErrorReason,
};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest template, in bytes. The longest that is shipped has 8,000.
const MAX_LEN: usize = 256 << 10;
/// How deep blocks and parentheses nest. Four levels are shipped.
const MAX_DEPTH: usize = 32;
/// As many tags as begin a block or a branch, and as many open parentheses between two tags, as the
/// parser is given. Text has parentheses too, so that this is only what no text has.
const MAX_BLOCKS: usize = 500;
const MAX_OPEN: usize = 200;
/// As much as one rendering may make.
const MAX_OUTPUT: usize = 16 << 20;
/// As many parts as one rendering may render: HAProxy with a thousand servers takes 20,000.
const MAX_PARTS: u64 = 100_000;
/// As long as what a helper is given may be, and as many letters of it as cost one part.
pub(super) const MAX_VALUE: usize = 1 << 20;
const LETTERS_PER_PART: usize = 64;

/// The helper that counts; a template cannot write its name.
const COUNT: &str = "\u{1}count";

/// Why a template is refused.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It is no template.
    Syntax(Box<handlebars::TemplateError>),
    /// It is one that is not taken.
    Bound(String),
}

/// The template `text`, which nests little and has neither partials nor decorators.
pub(crate) fn parse(text: &str) -> Result<Template, Refused> {
    if text.len() > MAX_LEN {
        let words = format!("it has {} bytes, expected {MAX_LEN} at most", text.len());
        return Err(Refused::Bound(words));
    }
    if is_overloaded(text) {
        return Err(Refused::Bound(too_deep()));
    }
    let template = Template::compile(text).map_err(|error| Refused::Syntax(Box::new(error)))?;
    check(&template, 0).map_err(Refused::Bound)?;
    Ok(template)
}

fn too_deep() -> String {
    format!("blocks or parentheses nest too deep; expected {MAX_DEPTH} levels at most")
}

/// Whether the parser might have to nest deeper than its stack.
fn is_overloaded(text: &str) -> bool {
    let mut blocks = 0;
    for part in text.split("{{").skip(1) {
        let tag = part.trim_start_matches(['{', '~', ' ', '\t', '\r', '\n']);
        if tag.starts_with(['#', '^']) || tag.starts_with("else") {
            blocks += 1;
        }
        let (mut open, mut most) = (0_usize, 0);
        for byte in part.bytes() {
            match byte {
                b'(' | b'[' => open += 1,
                b')' | b']' => open = open.saturating_sub(1),
                _ => {}
            }
            most = most.max(open);
        }
        if blocks > MAX_BLOCKS || most > MAX_OPEN {
            return true;
        }
    }
    false
}

fn check(template: &Template, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    template
        .elements
        .iter()
        .try_for_each(|element| check_element(element, depth))
}

fn check_element(element: &TemplateElement, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    match element {
        TemplateElement::RawString(_) | TemplateElement::Comment(_) => Ok(()),
        TemplateElement::Expression(part)
        | TemplateElement::HtmlExpression(part)
        | TemplateElement::HelperBlock(part) => check_part(part, depth),
        _ => Err("partials and decorators (`{{> }}`, `{{* }}`) are not known here".to_owned()),
    }
}

fn check_part(part: &HelperTemplate, depth: usize) -> Result<(), String> {
    let given = part.params.iter().chain(part.hash.values());
    for parameter in given.chain([&part.name]) {
        if let Parameter::Subexpression(inner) = parameter {
            check_element(&inner.element, depth + 1)?;
        }
    }
    let bodies = [&part.template, &part.inverse].into_iter().flatten();
    bodies
        .into_iter()
        .try_for_each(|body| check(body, depth + 1))
}

/// `template` with a counter at the start of each body, which can be rendered many times.
pub(super) fn counted(mut template: Template) -> Template {
    count_bodies(&mut template);
    template
}

fn count_bodies(template: &mut Template) {
    for element in &mut template.elements {
        let TemplateElement::HelperBlock(block) = element else {
            continue;
        };
        let bodies = [&mut block.template, &mut block.inverse];
        for body in bodies.into_iter().flatten() {
            count_bodies(body);
            // A place of it own for errors, which it makes only where the budget is used up.
            let (Some(counter), Some(place)) =
                (counter(body.elements.len()), body.mapping.first().cloned())
            else {
                continue;
            };
            body.elements.insert(0, counter);
            body.mapping.insert(0, place);
        }
    }
}

/// A part that counts itself and the `parts` of its body.
fn counter(parts: usize) -> Option<TemplateElement> {
    let template = Template::compile(&format!("{{{{count {}}}}}", parts + 1)).ok()?;
    let mut element = template.elements.into_iter().next()?;
    if let TemplateElement::Expression(part) = &mut element {
        part.name = Parameter::Name(COUNT.to_owned());
    }
    Some(element)
}

/// What is left to one rendering.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<AtomicU64>);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(MAX_PARTS)))
    }

    /// Lets templates of `engine` take from it.
    pub(super) fn install(&self, engine: &mut Handlebars<'static>) {
        engine.register_helper(COUNT, Box::new(Count(self.clone())));
    }

    /// Takes `parts` away.
    pub(super) fn take(&self, parts: u64) -> Result<(), RenderErrorReason> {
        let take = |left: u64| left.checked_sub(parts);
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        match self.0.fetch_update(set, get, take) {
            Ok(_) => Ok(()),
            Err(_) => Err(RenderErrorReason::Other(format!(
                "it takes more than {MAX_PARTS} steps; are there lists in lists in lists?"
            ))),
        }
    }

    /// Takes what a text of `len` bytes costs, which a helper is given or makes.
    pub(super) fn take_text(&self, len: usize) -> Result<(), RenderErrorReason> {
        if len > MAX_VALUE {
            let words = format!("a helper's value has {len} bytes, expected {MAX_VALUE} at most");
            return Err(RenderErrorReason::Other(words));
        }
        self.take((len / LETTERS_PER_PART) as u64)
    }
}

struct Count(Budget);

impl HelperDef for Count {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        _: &mut dyn Output,
    ) -> HelperResult {
        let parts = helper.param(0).and_then(|parts| parts.value().as_u64());
        self.0.take(parts.unwrap_or(1)).map_err(RenderError::from)
    }
}

/// What is rendered, as far as it is not too long.
#[derive(Default)]
pub(super) struct Rendered(pub(super) Vec<u8>);

impl io::Write for Rendered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            let words = format!("it makes more than {MAX_OUTPUT} bytes");
            return Err(io::Error::other(words));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
