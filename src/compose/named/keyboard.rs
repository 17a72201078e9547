//! Keyboard layouts and their variants in the package xkb-data.
//!
//! Its list has the names of most layouts with English descriptions. Rare layouts are only in the files of symbols.

use super::super::layer::{Layer, LayerError};
use crate::diag::nearest;

/// Layouts and variants with their English descriptions.
const LIST: &str = "/usr/share/X11/xkb/rules/base.lst";
/// The folder of symbols, which has a file for each layout.
const SYMBOLS: &str = "/usr/share/X11/xkb/symbols";
/// The first keys of the rows of letters. A file of symbols that defines one is a layout, and not a part of one.
const LETTERS: [&str; 2] = ["<AD01>", "<AC01>"];
/// The most variants that a message lists.
const FEW: usize = 12;

/// The fault of `layout`.
pub(super) fn layout(layer: &Layer<'_>, layout: &str) -> Result<Option<String>, LayerError> {
    let list = layer.text(LIST)?;
    let layouts = section(&list, "layout");
    if layouts.is_empty() || has_layout(layer, &layouts, layout)? {
        return Ok(None);
    }
    let both = layout.split_once(['-', '_']);
    if let Some((first, second)) = both
        && has_layout(layer, &layouts, first)?
        && has_variant(layer, &variants_of(&list, first), first, second)?
    {
        let words = format!("give the layout `{first}` with `keyboard-variant={second}`");
        return Ok(Some(words));
    }
    // The list has a few layouts, such as `custom`, whose symbols a person has to write first.
    let mut there = Vec::new();
    for entry in &layouts {
        if !symbols(layer, entry.0)?.is_empty() {
            there.push(*entry);
        }
    }
    Ok(Some(match near_layout(layout, &there) {
        Some(near) => format!("the image has no such layout; there is `{near}`"),
        None => "the image has no such layout; expected one such as `de`".to_owned(),
    }))
}

/// The fault of `variant` of `layout`. There is none if the layout itself has a fault.
pub(super) fn variant(
    layer: &Layer<'_>,
    layout: &str,
    variant: &str,
) -> Result<Option<String>, LayerError> {
    let list = layer.text(LIST)?;
    let layouts = section(&list, "layout");
    if layouts.is_empty() || !has_layout(layer, &layouts, layout)? {
        return Ok(None);
    }
    let known = variants_of(&list, layout);
    if has_variant(layer, &known, layout, variant)? {
        return Ok(None);
    }
    let there = match nearest(variant, known.iter().copied()) {
        Some(near) => near.to_owned(),
        None => known[..known.len().min(FEW)].join("`, `"),
    };
    Ok(Some(match there.is_empty() {
        true => format!("the layout `{layout}` has no variants"),
        false => format!("the layout `{layout}` has no such variant; there is `{there}`"),
    }))
}

fn has_layout(layer: &Layer<'_>, layouts: &[(&str, &str)], name: &str) -> Result<bool, LayerError> {
    let symbols = symbols(layer, name)?;
    let listed = layouts.iter().any(|(layout, _)| *layout == name);
    Ok(!symbols.is_empty() && (listed || LETTERS.iter().any(|key| symbols.contains(key))))
}

fn has_variant(
    layer: &Layer<'_>,
    known: &[&str],
    layout: &str,
    variant: &str,
) -> Result<bool, LayerError> {
    let quoted = format!("\"{variant}\"");
    let defines = |line: &str| line.contains("xkb_symbols") && line.contains(&quoted);
    Ok(known.contains(&variant) || symbols(layer, layout)?.lines().any(defines))
}

/// The text of the symbols `name`, which is empty if there are none.
fn symbols(layer: &Layer<'_>, name: &str) -> Result<String, LayerError> {
    let bytes = layer.bytes(&format!("{SYMBOLS}/{name}"))?;
    Ok(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned())
}

/// The variants of `layout` in the list, which have descriptions such as `de: German (no dead keys)`.
fn variants_of<'t>(list: &'t str, layout: &str) -> Vec<&'t str> {
    let variants = section(list, "variant").into_iter();
    let own = variants
        .filter(|(_, about)| matches!(about.split_once(':'), Some((of, _)) if of == layout));
    own.map(|(name, _)| name).collect()
}

/// The layout whose English description, or a word of it, is `wanted`, or else the one with the most similar name.
fn near_layout<'t>(wanted: &str, layouts: &[(&'t str, &str)]) -> Option<&'t str> {
    let by = |fits: &dyn Fn(&str) -> bool| {
        let found = layouts.iter().find(|(_, about)| fits(about));
        found.map(|(name, _)| *name)
    };
    let word = |about: &str| {
        let mut words = about.split(|c: char| !c.is_alphanumeric());
        words.any(|word| word.eq_ignore_ascii_case(wanted))
    };
    by(&|about| about.eq_ignore_ascii_case(wanted))
        .or_else(|| by(&word))
        .or_else(|| nearest(wanted, layouts.iter().map(|(name, _)| *name)))
}

/// The names in the section `! NAME`, with their descriptions.
fn section<'t>(text: &'t str, name: &str) -> Vec<(&'t str, &'t str)> {
    let head = format!("! {name}");
    let lines = text.lines().skip_while(|line| *line != head).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('!'));
    let pairs = lines.filter_map(|line| line.trim().split_once(' '));
    pairs.map(|(name, about)| (name, about.trim())).collect()
}
