//! `[settings.NAME]` of a profile: what a person may set, of which kind and within which bounds.

mod items;
mod value;

use items::items;
pub use value::Report;
pub(crate) use value::{PRIVATE_KEY, UNKNOWN_FIELD};

use super::kind::{Form, Kind, Kinds, Network};
use super::read::{Keys, Raw, Section};
use crate::diag::{Diagnostic, Located, Span};
use std::collections::BTreeMap;

/// What the device makes in its first boot where a person gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generate {
    /// Five groups of four unambiguous characters, 99 bits.
    Passphrase,
    /// A name that ends in digits of the machine's own id.
    Suffix,
}

impl Generate {
    /// Its word in a profile.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passphrase => "passphrase",
            Self::Suffix => "suffix",
        }
    }
}

/// A setting, as the profile and those it extends define it.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// What its value is.
    pub kind: Kind,
    /// One line for a person.
    pub help: String,
    /// Its value where a person gives none.
    pub default: Option<Located<Raw>>,
    /// Whether a person has to give it.
    pub required: bool,
    /// Whether no log, lock, digest or manifest may hold its value.
    pub secret: bool,
    /// Whether the image holds only its SHA-512 crypt hash.
    pub hashed: bool,
    /// What the device makes in its first boot where it is absent.
    pub generate: Option<Generate>,
    /// Whether a person may change it on the device, as far as overlays alone depend on it.
    pub device: bool,
    /// Smallest number.
    pub min: Option<i64>,
    /// Largest number.
    pub max: Option<i64>,
    /// The words of an `enum`, or the only numbers of an `integer`, as text.
    pub values: Vec<String>,
    /// Networks that a `cidr` must not overlap.
    pub outside: Vec<Network>,
    /// Settings with addresses that must not be in it.
    pub outside_settings: Vec<Located<String>>,
    /// Of a port, the setting, or the field beside it, that says on which address; or that address.
    pub listens_on: Option<String>,
    /// The setting whose network this router is in.
    pub gateway_of: Option<Located<String>>,
    /// Settings whose addresses, or whose interface, are not this one's.
    pub other_than: Vec<Located<String>>,
    /// What a `list` is made of.
    pub items: Option<Box<Setting>>,
    /// The field of a list's tables that no two of them share.
    pub unique: Option<String>,
    /// What a `table` is made of.
    pub fields: BTreeMap<String, Setting>,
    /// The setting without which this one means nothing; with `!` before it, with which.
    pub used_with: Option<String>,
    /// The setting whose addresses lie in one network with this one's.
    pub same_network: Option<String>,
    /// The packages that the image needs where the setting is given.
    pub packages: Vec<Located<String>>,
    /// The values that need none of these packages.
    pub packages_unless: Vec<Located<Raw>>,
    /// Where it is defined.
    pub span: Span,
}

/// What one profile writes about a setting: a definition, or a change of an inherited one.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingEdit {
    /// Its name and where it stands.
    pub name: Located<String>,
    /// Present in a definition, absent in a change.
    pub kind: Option<Located<String>>,
    help: Option<String>,
    default: Option<Located<Raw>>,
    required: Option<bool>,
    secret: Option<bool>,
    hashed: Option<bool>,
    generate: Option<Generate>,
    device: Option<bool>,
    min: Option<i64>,
    max: Option<i64>,
    values: Option<Vec<String>>,
    outside: Option<Vec<Located<String>>>,
    listens_on: Option<String>,
    gateway_of: Option<Located<String>>,
    other_than: Option<Vec<Located<String>>>,
    items: Option<Box<SettingEdit>>,
    unique: Option<String>,
    fields: Vec<SettingEdit>,
    used_with: Option<String>,
    same_network: Option<String>,
    packages: Option<Vec<Located<String>>>,
    packages_unless: Option<Vec<Located<Raw>>>,
}

/// The keys of a setting, of a list's items and of a table's fields.
pub static SETTING: Keys = Keys {
    table: "[settings.NAME]",
    keys: &[
        "type",
        "help",
        "default",
        "required",
        "secret",
        "hashed",
        "generate",
        "device",
        "min",
        "max",
        "values",
        "outside",
        "listens-on",
        "gateway-of",
        "other-than",
        "items",
        "unique",
        "fields",
        "used-with",
        "same-network",
        "packages",
        "packages-unless",
    ],
};

/// Reads `[settings.NAME]`.
pub(crate) fn read(name: Located<String>, section: &Section<'_>) -> SettingEdit {
    let generate = [Generate::Passphrase, Generate::Suffix].map(|it| (it.word(), it));
    let values = section.raw("values").map(words);
    let outside = section.has("outside").then(|| section.texts("outside"));
    for network in outside.iter().flatten().filter(|text| is_network(text)) {
        // What is wrong with it is reported.
        let _: Option<Located<Network>> = section.convert(network);
    }
    let packages_unless = section.raw("packages-unless").map(items);
    let items = section.section("items", &SETTING);
    let items = items.map(|items| Box::new(read(name.with("items".to_owned()), &items)));
    let fields = section.named_sections("fields", &SETTING);
    let edit = SettingEdit {
        kind: section.text("type"),
        help: section.text("help").map(|text| text.value),
        default: section.raw("default"),
        required: section.flag("required").map(|flag| flag.value),
        secret: section.flag("secret").map(|flag| flag.value),
        hashed: section.flag("hashed").map(|flag| flag.value),
        generate: section.choice("generate", &generate).map(|word| word.value),
        device: section.flag("device").map(|flag| flag.value),
        min: section.number("min").map(|number| number.value),
        max: section.number("max").map(|number| number.value),
        values,
        outside,
        listens_on: section.text("listens-on").map(|text| text.value),
        gateway_of: section.text("gateway-of"),
        other_than: section
            .has("other-than")
            .then(|| section.texts("other-than")),
        items,
        unique: section.text("unique").map(|text| text.value),
        fields: fields
            .into_iter()
            .map(|(name, section)| read(name, &section))
            .collect(),
        used_with: section.text("used-with").map(|text| text.value),
        same_network: section.text("same-network").map(|text| text.value),
        packages: section.has("packages").then(|| section.texts("packages")),
        packages_unless,
        name,
    };
    check_parts(&edit, section);
    edit
}

/// Whether a word of `outside` is a network, and not the name of a setting.
fn is_network(text: &Located<String>) -> bool {
    text.value.contains(['.', ':', '/'])
}

/// Words and numbers as text.
fn words(raw: Located<Raw>) -> Vec<String> {
    let words = items(raw).into_iter().filter_map(|item| match item.value {
        Raw::Text(text) => Some(text),
        Raw::Integer(number) => Some(number.to_string()),
        Raw::Boolean(_) | Raw::List(_) | Raw::Table(_) => None,
    });
    words.collect()
}

/// A definition has the parts that its kind needs, and parts are definitions.
fn check_parts(edit: &SettingEdit, section: &Section<'_>) {
    let Some(kind) = &edit.kind else { return };
    let needs = match Kind::named(&kind.value).map(|kind| kind.form()) {
        Some(Form::List) => ("items", edit.items.is_some()),
        Some(Form::Table) => ("fields", !edit.fields.is_empty()),
        Some(Form::Enum) => ("values", edit.values.is_some()),
        _ => return check_secret(edit, section),
    };
    if !needs.1 && !section.has(needs.0) {
        let title = format!("a setting of type `{}` needs `{}`", kind.value, needs.0);
        section.report(Diagnostic::new("setting::parts", title).label(&kind.span, ""));
    }
    for part in edit.items.iter().map(Box::as_ref).chain(&edit.fields) {
        let name = &part.name.value;
        if part.kind.is_none() {
            let problem = Diagnostic::new("setting::parts", format!("`{name}` has no `type`"));
            section.report(problem.label(&part.name.span, "expected `type = …` in it"));
        }
        if let Some(first) = part.packages.iter().flatten().next() {
            let problem = Diagnostic::new("setting::parts", "a part of a setting has no packages");
            let help = "write `packages` beside the `type` of the setting itself";
            section.report(problem.label(&first.span, "").help(help));
        }
    }
}

/// A secret in a definition would be the same on every device.
fn check_secret(edit: &SettingEdit, section: &Section<'_>) {
    if let (Some(true), Some(default)) = (edit.secret, &edit.default) {
        section.report(
            Diagnostic::new("setting::shared-secret", "a secret has no default")
                .label(&default.span, "every device would share it")
                .help("use `generate` to have each device make its own"),
        );
    }
}

impl Setting {
    /// The setting that decides whether this one means anything, and whether it has to be set for that.
    pub fn used(&self) -> Option<(&str, bool)> {
        let name = self.used_with.as_deref()?;
        Some(match name.strip_prefix('!') {
            Some(name) => (name, false),
            None => (name, true),
        })
    }
}

impl SettingEdit {
    fn networks(&self) -> Option<Vec<Network>> {
        let words = self.outside.as_ref()?.iter();
        Some(words.filter_map(|word| word.value.parse().ok()).collect())
    }

    fn outside_settings(&self) -> Option<Vec<Located<String>>> {
        let words = self.outside.as_ref()?.iter();
        Some(words.filter(|word| !is_network(word)).cloned().collect())
    }

    /// The types in it that are not in `kinds`.
    pub(crate) fn unknown_kinds(&self, kinds: &Kinds) -> Vec<&Located<String>> {
        let parts = self.items.iter().map(Box::as_ref).chain(&self.fields);
        let own = self
            .kind
            .iter()
            .filter(|kind| kinds.find(&kind.value).is_none());
        own.chain(parts.flat_map(|part| part.unknown_kinds(kinds)))
            .collect()
    }

    /// The setting that this defines. A part without a type that is known, which was reported, is a string.
    pub fn define(&self, kinds: &Kinds) -> Setting {
        let fields = self.fields.iter();
        let kind = self.kind.as_ref().and_then(|kind| kinds.find(&kind.value));
        Setting {
            kind: kind.unwrap_or_else(Kind::string),
            help: self.help.clone().unwrap_or_default(),
            default: self.default.clone(),
            required: self.required.unwrap_or(false),
            secret: self.secret.unwrap_or(false),
            hashed: self.hashed.unwrap_or(false),
            generate: self.generate,
            device: self.device.unwrap_or(true),
            min: self.min,
            max: self.max,
            values: self.values.clone().unwrap_or_default(),
            outside: self.networks().unwrap_or_default(),
            outside_settings: self.outside_settings().unwrap_or_default(),
            listens_on: self.listens_on.clone(),
            gateway_of: self.gateway_of.clone(),
            other_than: self.other_than.clone().unwrap_or_default(),
            items: self
                .items
                .as_ref()
                .map(|items| Box::new(items.define(kinds))),
            unique: self.unique.clone(),
            fields: fields
                .map(|field| (field.name.value.clone(), field.define(kinds)))
                .collect(),
            used_with: self.used_with.clone(),
            same_network: self.same_network.clone(),
            packages: self.packages.clone().unwrap_or_default(),
            packages_unless: self.packages_unless.clone().unwrap_or_default(),
            span: self.name.span.clone(),
        }
    }

    /// `inherited` with what this changes.
    pub fn change(&self, inherited: Setting) -> Setting {
        Setting {
            help: self.help.clone().unwrap_or(inherited.help),
            default: self.default.clone().or(inherited.default),
            required: self.required.unwrap_or(inherited.required),
            secret: self.secret.unwrap_or(inherited.secret),
            hashed: self.hashed.unwrap_or(inherited.hashed),
            generate: self.generate.or(inherited.generate),
            device: self.device.unwrap_or(inherited.device),
            min: self.min.or(inherited.min),
            max: self.max.or(inherited.max),
            values: self.values.clone().unwrap_or(inherited.values),
            outside: self.networks().unwrap_or(inherited.outside),
            outside_settings: self
                .outside_settings()
                .unwrap_or(inherited.outside_settings),
            listens_on: self.listens_on.clone().or(inherited.listens_on),
            gateway_of: self.gateway_of.clone().or(inherited.gateway_of),
            other_than: self.other_than.clone().unwrap_or(inherited.other_than),
            used_with: self.used_with.clone().or(inherited.used_with),
            same_network: self.same_network.clone().or(inherited.same_network),
            packages: self.packages.clone().unwrap_or(inherited.packages),
            packages_unless: (self.packages_unless.clone()).unwrap_or(inherited.packages_unless),
            ..inherited
        }
    }
}
