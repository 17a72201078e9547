//! Shows a Spec as JSON, as text, as digests and as the context of templates.

use super::secret::Codes;
use super::{Assigned, Configure, ImageBase, Profile, Secret, Spec};
use crate::define::condition::{Condition, Test};
use crate::define::overlay::Ownership;
use crate::define::{Overlay, Setting};
use crate::digest::{Hasher, Sha256};
use serde_json::{Map, Value as Json, json};
use std::fmt::Write;

/// The version of the canonical form of a Spec. It changes with the form, so that an old digest never fits a new form.
const FORM: &str = "imgbuild spec 1";

impl Spec {
    /// The canonical form: everything on which a byte of the image depends, except that of a secret it only says whether it was
    /// given.
    pub fn to_json(&self) -> Json {
        let mut form = json!({
            "board": self.board,
            "base": self.base.as_ref().map(ImageBase::to_json),
            "loader": self.loader.as_ref().map(ImageBase::to_json),
            "profile": {
                "name": self.profile.name,
                "title": self.profile.title,
                "lineage": self.profile.lineage,
                "health": self.profile.health,
            },
            "packages": self.packages,
            "never": self.never,
            "file-packages": self.file_packages,
            "recommends": self.recommends,
            "overlays": self.overlays.iter().map(overlay).collect::<Vec<_>>(),
            "units": self.units,
            "root-margin": self.root_margin,
            "settings": self.settings.iter().map(shown).collect::<Map<_, _>>(),
            "definitions": self.definitions(),
        });
        if self.configure == Configure::FirstBoot {
            form["configure"] = "first-boot".into();
        }
        form
    }

    /// The digest of the canonical form. It is equal for two Specs that differ only in a secret, so content with secrets must
    /// not be stored under this digest.
    pub fn digest(&self) -> Sha256 {
        digest(&self.to_json())
    }

    /// The digest of everything on which the choice of packages depends. A lock with another digest is stale.
    pub fn resolution_digest(&self) -> Sha256 {
        let mut form = json!({
            "architecture": self.board.architecture,
            "suite": self.board.suite,
            "base": self.base.as_ref().map(ImageBase::to_json),
            "packages": self.packages,
            "never": self.never,
            "file-packages": self.file_packages,
            "recommends": self.recommends,
        });
        if self.base.is_none() && !self.board.archives.is_empty() {
            form["archives"] = json!(self.board.archives);
            form["third-party-packages"] = json!(self.board.third_party_packages());
        }
        digest(&form)
    }

    /// Whether a secret was given, so that the image must not be published.
    pub fn has_secrets(&self) -> bool {
        self.settings
            .iter()
            .any(|(_, assigned)| matches!(assigned, Assigned::Secret(_)))
    }

    /// The names of the settings whose secret values were given.
    pub fn given_secrets(&self) -> Vec<String> {
        let secrets = self
            .settings
            .iter()
            .filter_map(|(name, assigned)| match assigned {
                Assigned::Secret(_) => Some(name.to_owned()),
                Assigned::Absent | Assigned::Plain(_) => None,
            });
        secrets.collect()
    }

    /// The codes for content that depends on these settings. `own` gives the key of the user; it is called only if there are
    /// secrets.
    pub(crate) fn codes(&self, own: impl FnOnce() -> Option<[u8; 32]>) -> Codes {
        Codes::new(match self.has_secrets() {
            true => own(),
            false => Some([0; 32]),
        })
    }

    /// Adds every given secret to `hasher`.
    pub fn hash_secrets(&self, hasher: &mut Hasher) {
        for (name, assigned) in self.settings.iter() {
            if let Assigned::Secret(secret) = assigned {
                hasher.field(name.as_bytes());
                hasher.field(secret.reveal().as_bytes());
            }
        }
    }

    /// The context of templates; `image` has the values that only the compose stage knows. Absent settings are null. The
    /// context contains the secrets in the clear (hashed if the profile says so) and may be used only for the image.
    pub fn context(&self, image: Json) -> Json {
        let settings = self.settings.iter().map(|(name, assigned)| {
            let value = match assigned {
                Assigned::Absent => Json::Null,
                Assigned::Plain(value) => {
                    let json = value.clone().into();
                    match self.profile.settings.get(name) {
                        Some(setting) => complete(setting, json),
                        None => json,
                    }
                }
                Assigned::Secret(secret) => self.stored(name, secret).into(),
            };
            (name.to_owned(), value)
        });
        let mut context = self.surroundings(image);
        context["settings"] = settings.collect::<Map<_, _>>().into();
        context
    }

    /// The context of templates without the settings.
    pub fn surroundings(&self, image: Json) -> Json {
        json!({
            "board": self.board,
            "profile": {
                "name": self.profile.name,
                "title": self.profile.title,
                "health": self.profile.health,
            },
            "units": self.units,
            "image": image,
        })
    }

    /// A secret as the image holds it.
    pub(super) fn stored(&self, name: &str, secret: &Secret) -> String {
        let setting = self.profile.settings.get(name);
        match setting.is_some_and(|setting| setting.hashed) {
            true => secret.crypt(&self.digest(), name),
            false => secret.reveal().to_owned(),
        }
    }

    /// The Spec as text for a person, with one fact in each line.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut line = |key: &str, value: &str| {
            let _ = writeln!(text, "{key:<10} {value}");
        };
        line(
            "board",
            &format!("{} ({})", self.board.name, self.board.title),
        );
        line(
            "profile",
            &format!("{} ({})", self.profile.name, self.profile.title),
        );
        if let Some(base) = &self.base {
            line("base", &base.name());
        }
        if let Some(loader) = &self.loader {
            line("loader", &loader.name());
        }
        if self.configure == Configure::FirstBoot {
            line(
                "configure",
                "on the device, when it starts for the first time",
            );
        }
        line("merged", &self.profile.lineage.join(" "));
        line("suite", &self.board.suite.name);
        line("packages", &self.packages.join(" "));
        let overlays = self.overlays.iter().map(|overlay| overlay.name.as_str());
        line("overlays", &overlays.collect::<Vec<_>>().join(" "));
        line("enable", &self.units.enable.join(" "));
        line("disable", &self.units.disable.join(" "));
        line("mask", &self.units.mask.join(" "));
        line("margin", &self.root_margin.to_string());
        for (name, assigned) in self.settings.iter() {
            let value = match assigned {
                Assigned::Absent => "(none)".to_owned(),
                Assigned::Plain(value) => Json::from(value.clone()).to_string(),
                Assigned::Secret(_) => "(secret, given)".to_owned(),
            };
            line("setting", &format!("{name} = {value}"));
        }
        text
    }
}

impl Profile {
    /// The profile with its settings as JSON.
    pub fn to_json(&self) -> Json {
        let setting = |(name, setting): (&String, &Setting)| {
            json!({
                "name": name,
                "type": setting.kind.name(),
                "help": setting.help,
                "default": setting.default.as_ref().map(|default| default.value.to_string()),
                "required": setting.required,
                "secret": setting.secret,
                "made-at-first-boot": setting.generate.is_some(),
            })
        };
        json!({
            "name": self.name,
            "title": self.title,
            "help": self.help,
            "lineage": self.lineage,
            "settings": self.settings.iter().map(setting).collect::<Vec<_>>(),
        })
    }
}

/// `value` with null for each missing field of its tables, because templates refuse unknown names.
pub(super) fn complete(setting: &Setting, value: Json) -> Json {
    match value {
        Json::Array(items) => match &setting.items {
            Some(kind) => items.into_iter().map(|item| complete(kind, item)).collect(),
            None => Json::Array(items),
        },
        Json::Object(mut fields) => {
            for (name, field) in &setting.fields {
                let value = fields.remove(name).unwrap_or(Json::Null);
                fields.insert(name.clone(), complete(field, value));
            }
            Json::Object(fields)
        }
        value => value,
    }
}

fn digest(json: &Json) -> Sha256 {
    let mut hasher = Hasher::new();
    hasher.field(FORM.as_bytes());
    // The text is canonical: serde_json sorts objects by key, and the form has no floats and no spaces between tokens.
    hasher.field(json.to_string().as_bytes());
    hasher.finish()
}

fn shown((name, assigned): (&str, &Assigned)) -> (String, Json) {
    let value = match assigned {
        Assigned::Absent => Json::Null,
        Assigned::Plain(value) => value.clone().into(),
        Assigned::Secret(_) => json!({ "secret": "given" }),
    };
    (name.to_owned(), value)
}

fn overlay(overlay: &Overlay) -> Json {
    let files = overlay.files.iter().map(|file| {
        json!({
            "path": file.path.to_string(),
            "sha256": Sha256::of(&file.bytes).to_string(),
            "template": file.template,
            "owned": owned(&file.ownership),
            "when": when(file.when.as_ref()),
        })
    });
    let directories = overlay.directories.iter().map(|directory| {
        json!({
            "path": directory.path.to_string(),
            "owned": owned(&directory.ownership),
            "when": when(directory.when.as_ref()),
        })
    });
    let symlinks = overlay.symlinks.iter().map(|symlink| {
        json!({
            "path": symlink.path.to_string(),
            "target": symlink.target,
            "when": when(symlink.when.as_ref()),
        })
    });
    json!({
        "name": overlay.name,
        "files": files.collect::<Vec<_>>(),
        "directories": directories.collect::<Vec<_>>(),
        "symlinks": symlinks.collect::<Vec<_>>(),
    })
}

fn owned(ownership: &Ownership) -> String {
    let Ownership { mode, owner, group } = ownership;
    format!("{mode:04o} {owner}:{group}")
}

fn when(condition: Option<&Condition>) -> Json {
    let Some(Condition { setting, test }) = condition else {
        return Json::Null;
    };
    let name = &setting.value;
    Json::String(match test {
        Test::Set => name.clone(),
        Test::Unset => format!("!{name}"),
        Test::Is(value) => format!("{name}={value}"),
    })
}
