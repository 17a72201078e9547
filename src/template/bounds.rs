//! Bounds for templates. The author of a template must not be able to keep a build busy or to crash it: the
//! engine itself follows partials that include themselves until the stack overflows, and renders nested lists
//! for any length of time.
//!
//! Therefore a template is small, has few nested levels, and no partials or decorators. This is checked roughly
//! before the engine's parser, which is recursive, and exactly after it. The cost of rendering is counted: each
//! part that is rendered, and each letter that a helper makes, takes from a budget.

use handlebars::template::{HelperTemplate, Parameter, Template, TemplateElement};
use handlebars::{
    Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderError,
    RenderErrorReason,
};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest template, in bytes. The longest template of a shipped overlay has 8,000.
const MAX_LEN: usize = 256 << 10;
/// The most nested levels of blocks and parentheses. Shipped overlays have four.
const MAX_DEPTH: usize = 32;
/// The most tags that begin a block or a branch, and the most open parentheses between two tags, with which
/// the parser is called. Text has parentheses too, so the limit is higher than any text needs.
const MAX_BLOCKS: usize = 500;
const MAX_OPEN: usize = 200;
/// The most bytes of a rendered template.
const MAX_OUTPUT: usize = 16 << 20;
/// The most parts that are rendered for one template. HAProxy with a thousand servers needs 20,000.
const MAX_PARTS: u64 = 100_000;
/// The longest argument of a helper in bytes, and the number of its letters that cost one part.
const MAX_VALUE: usize = 1 << 20;
const LETTERS_PER_PART: usize = 64;

/// The name of the helper that counts. A template cannot have this name.
const COUNT: &str = "\u{1}count";

/// Why a template is refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// The parser refuses it.
    Syntax(Box<handlebars::TemplateError>),
    /// It exceeds a bound.
    Bound(String),
}

/// Parses the template `text`, and checks its size and levels, and that it has no partials or decorators.
pub(super) fn parse(text: &str) -> Result<Template, Refused> {
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

/// Whether the recursion of the parser could overflow the stack.
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
    let mut elements = template.elements.iter();
    elements.try_for_each(|element| check_element(element, depth))
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
    let mut bodies = [&part.template, &part.inverse].into_iter().flatten();
    bodies.try_for_each(|body| check(body, depth + 1))
}

/// `template` with a counter at the start of each body, because a body can be rendered many times.
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
            // The engine needs a line and column for each element; the counter has those of the body.
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

/// An element that counts itself and the `parts` of its body.
fn counter(parts: usize) -> Option<TemplateElement> {
    let template = Template::compile(&format!("{{{{count {}}}}}", parts + 1)).ok()?;
    let mut element = template.elements.into_iter().next()?;
    if let TemplateElement::Expression(part) = &mut element {
        part.name = Parameter::Name(COUNT.to_owned());
    }
    Some(element)
}

/// The number of parts that may still be rendered.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<AtomicU64>);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(MAX_PARTS)))
    }

    /// Makes the templates of `engine` take from this budget.
    pub(super) fn install(&self, engine: &mut Handlebars<'static>) {
        let budget = self.clone();
        let count = move |helper: &Helper<'_>,
                          _: &Handlebars<'_>,
                          _: &Context,
                          _: &mut RenderContext<'_, '_>,
                          _: &mut dyn Output|
              -> HelperResult {
            let parts = helper.param(0).and_then(|parts| parts.value().as_u64());
            budget.take(parts.unwrap_or(1)).map_err(RenderError::from)
        };
        engine.register_helper(COUNT, Box::new(count));
    }

    /// Takes `parts` from the budget.
    fn take(&self, parts: u64) -> Result<(), RenderErrorReason> {
        let take = |left: u64| left.checked_sub(parts);
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        match self.0.fetch_update(set, get, take) {
            Ok(_) => Ok(()),
            Err(_) => Err(RenderErrorReason::Other(format!(
                "it takes more than {MAX_PARTS} steps; are there lists in lists in lists?"
            ))),
        }
    }

    /// Takes the cost of a text of `len` bytes, which is an argument or the result of a helper.
    pub(super) fn take_text(&self, len: usize) -> Result<(), RenderErrorReason> {
        if len > MAX_VALUE {
            let words = format!("a helper's value has {len} bytes, expected {MAX_VALUE} at most");
            return Err(RenderErrorReason::Other(words));
        }
        self.take((len / LETTERS_PER_PART) as u64)
    }
}

/// The rendered text. Writing more than [`MAX_OUTPUT`] fails.
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
