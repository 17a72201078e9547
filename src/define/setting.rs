//! `[settings.NAME]` of a profile: the settings that a person may give, with their kinds and limits.

mod items;
mod sound;
mod value;

use items::items;
pub(crate) use sound::mistakes;
pub use value::Report;
pub(crate) use value::{PRIVATE_KEY, UNKNOWN_FIELD};

use super::kind::{Form, Kind, Kinds, Network};
use super::read::{Keys, Raw, Section};
use crate::diag::{Diagnostic, Located, Span};
use std::collections::BTreeMap;

/// A value that the device makes in its first boot if the setting is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generate {
    /// Five groups of four characters that are not easily confused; 99 bits.
    Passphrase,
    /// A name that ends in digits of the machine id.
    Suffix,
}

impl Generate {
    /// The word for it in a profile.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passphrase => "passphrase",
            Self::Suffix => "suffix",
        }
    }
}

/// A setting, as a profile and the profiles that it extends define it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setting {
    /// The kind of its value.
    pub kind: Kind,
    /// A description in one line.
    pub help: String,
    /// The value if a person gives none.
    pub default: Option<Located<Raw>>,
    /// Whether a person has to give a value.
    pub required: bool,
    /// Whether the value must not appear in any log, lock, digest or manifest.
    pub secret: bool,
    /// Whether the image holds only the SHA-512 crypt hash of the value.
    pub hashed: bool,
    /// The value that the device makes in its first boot if none is given.
    pub generate: Option<Generate>,
    /// Whether a person may change it on the device. This is possible only if nothing but files of overlays depends on it.
    pub device: bool,
    /// The smallest number, length or count.
    pub min: Option<i64>,
    /// The largest number, length or count.
    pub max: Option<i64>,
    /// The place of `min` or `max`.
    pub limit: Option<Span>,
    /// The words of an `enum`, or the numbers that an `integer` can be, as text.
    pub values: Vec<String>,
    /// Networks that a `cidr` must not overlap.
    pub outside: Vec<Network>,
    /// The settings whose addresses must not be in the network of this one.
    pub outside_settings: Vec<Located<String>>,
    /// For a port: the address that it listens on, or the name of the setting or of the field of the same table that holds
    /// the address.
    pub listens_on: Option<Located<String>>,
    /// For a router: the setting with the address of the device, in whose network the router has to be.
    pub gateway_of: Option<Located<String>>,
    /// The settings whose addresses or interface have to differ from this one's.
    pub other_than: Vec<Located<String>>,
    /// The definition of the items of a `list`.
    pub items: Option<Box<Setting>>,
    /// The field of the tables of a list that has to differ between any two of them.
    pub unique: Option<String>,
    /// The definitions of the fields of a `table`.
    pub fields: BTreeMap<String, Setting>,
    /// The setting that has to be given for this one to have an effect; with `!` before its name, it must not be given.
    pub used_with: Option<String>,
    /// The setting whose addresses have to be in one network with the addresses of this one.
    pub same_network: Option<String>,
    /// The packages that the image needs if the setting is given.
    pub packages: Vec<Located<String>>,
    /// The values that need none of these packages.
    pub packages_unless: Vec<Located<Raw>>,
    /// The place of its definition.
    pub span: Span,
}

/// A setting as one profile writes it: a definition, or a change of an inherited setting.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingEdit {
    /// The name and its place.
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
    limit: Option<Span>,
    values: Option<Vec<String>>,
    outside: Option<(Vec<Network>, Vec<Located<String>>)>,
    listens_on: Option<Located<String>>,
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
pub static SETTING: Keys = Keys::of(
    "[settings.NAME]",
    "type help default required secret hashed generate device min max values outside \
     listens-on gateway-of other-than items unique fields used-with same-network packages \
     packages-unless",
);

/// Reads `[settings.NAME]`.
pub(crate) fn read(name: Located<String>, section: &Section<'_>) -> SettingEdit {
    let generate = [Generate::Passphrase, Generate::Suffix].map(|it| (it.word(), it));
    let values = section.raw("values").map(words);
    let outside = section.has("outside").then(|| outside(section));
    let packages_unless = section.raw("packages-unless").map(items);
    let items = section.section("items", &SETTING);
    let items = items.map(|items| Box::new(read(name.with("items".to_owned()), &items)));
    let fields = section.named_sections("fields", &SETTING);
    let limit = section.raw("min").or_else(|| section.raw("max"));
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
        limit: limit.map(|raw| raw.span),
        values,
        outside,
        listens_on: section.text("listens-on"),
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

/// The networks and the names of settings in `outside`.
fn outside(section: &Section<'_>) -> (Vec<Network>, Vec<Located<String>>) {
    let (mut networks, mut settings) = (Vec::new(), Vec::new());
    for word in section.texts("outside") {
        match word.value.contains(['.', ':', '/']) {
            true => networks.extend(
                section
                    .convert::<Network>(&word)
                    .map(|network| network.value),
            ),
            false => settings.push(word),
        }
    }
    (networks, settings)
}

/// The mistake that no setting of `known` is called `name`.
pub(crate) fn unknown_setting(
    code: &'static str,
    name: &Located<String>,
    known: &BTreeMap<String, Setting>,
) -> Diagnostic {
    let title = format!("no setting is called `{}`", name.value);
    let problem = Diagnostic::new(code, title).label(&name.span, "");
    problem.suggest(&name.value, known.keys().map(String::as_str))
}

/// The words and numbers of a list, as text.
fn words(raw: Located<Raw>) -> Vec<String> {
    let words = items(raw).into_iter().filter_map(|item| match item.value {
        Raw::Text(text) => Some(text),
        Raw::Integer(number) => Some(number.to_string()),
        Raw::Boolean(_) | Raw::List(_) | Raw::Table(_) => None,
    });
    words.collect()
}

/// Checks that a definition has the parts that its kind needs, and that each part is itself a definition.
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

/// Refuses a secret with a default, because it would be the same on every device.
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
    /// The setting that `used-with` names, and whether it has to be given for this one to have an effect.
    pub fn used(&self) -> Option<(&str, bool)> {
        let name = self.used_with.as_deref()?;
        Some(match name.strip_prefix('!') {
            Some(name) => (name, false),
            None => (name, true),
        })
    }
}

impl SettingEdit {
    /// The types of this setting and of its parts that are not in `kinds`.
    pub(crate) fn unknown_kinds(&self, kinds: &Kinds) -> Vec<&Located<String>> {
        let parts = self.items.iter().map(Box::as_ref).chain(&self.fields);
        let own = self
            .kind
            .iter()
            .filter(|kind| kinds.find(&kind.value).is_none());
        own.chain(parts.flat_map(|part| part.unknown_kinds(kinds)))
            .collect()
    }

    /// The setting that this edit defines. A part without a known type, which is reported elsewhere, becomes a string.
    pub fn define(&self, kinds: &Kinds) -> Setting {
        let kind = self.kind.as_ref().and_then(|kind| kinds.find(&kind.value));
        let items = self.items.as_ref();
        let fields = self.fields.iter();
        self.change(Setting {
            kind: kind.unwrap_or_default(),
            device: true,
            items: items.map(|items| Box::new(items.define(kinds))),
            unique: self.unique.clone(),
            fields: fields
                .map(|field| (field.name.value.clone(), field.define(kinds)))
                .collect(),
            span: self.name.span.clone(),
            ..Setting::default()
        })
    }

    /// The setting `inherited` with the changes of this edit.
    pub fn change(&self, inherited: Setting) -> Setting {
        let (outside, outside_settings) =
            (self.outside.clone()).unwrap_or((inherited.outside, inherited.outside_settings));
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
            limit: self.limit.clone().or(inherited.limit),
            values: self.values.clone().unwrap_or(inherited.values),
            outside,
            outside_settings,
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
