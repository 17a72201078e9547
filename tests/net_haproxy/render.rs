//! The files of an image's overlays, rendered by imgbuild as a build does.

use imgbuild::compose::template;
use imgbuild::define::Definitions;
use imgbuild::specification::{GivenSecret, Secret, SettingsFile, Spec, UserSettings, check};
use std::collections::BTreeMap;

/// What a person asks for.
#[derive(Default)]
pub(crate) struct Wish<'w> {
    pub(crate) profile: &'w str,
    pub(crate) flags: &'w [&'w str],
    pub(crate) file: &'w str,
    pub(crate) certificate: Option<&'w str>,
}

impl Wish<'_> {
    /// What it means.
    pub(crate) fn spec(&self) -> Spec {
        let secret = |name: &str, value: &str| GivenSecret {
            name: name.to_owned(),
            origin: name.to_owned(),
            value: Secret::new(value.to_owned()),
        };
        let mut secrets = vec![secret("stats-password", super::lab::PASSWORD)];
        secrets.extend(self.certificate.map(|pem| secret("tls-certificate", pem)));
        let user = UserSettings {
            files: vec![SettingsFile {
                path: "settings.toml".to_owned(),
                text: self.file.to_owned(),
            }],
            flags: self.flags.iter().map(|&flag| flag.to_owned()).collect(),
            secrets,
            ..UserSettings::default()
        };
        // As they are now, without a new build of the program that carries them.
        let definitions = Definitions::find(&[env!("CARGO_MANIFEST_DIR").into()]);
        let spec = check(&definitions, "x86_64", self.profile, &user);
        spec.unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
    }

    /// The files below `/etc` and `/usr/lib/imgbuild` that overlays of load balancers bring, by path; a
    /// later overlay wins.
    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        let spec = self.spec();
        // What only a build knows, which no file of these overlays asks for.
        let context = spec.context(serde_json::Value::Null);
        let mut files = BTreeMap::new();
        let overlays = spec.overlays.iter();
        for overlay in overlays.filter(|overlay| overlay.name.starts_with("haproxy")) {
            for file in &overlay.files {
                let wanted = file
                    .when
                    .as_ref()
                    .is_none_or(|when| spec.settings.holds(when));
                if !wanted {
                    continue;
                }
                let text = std::str::from_utf8(&file.bytes).unwrap();
                let text = match file.template {
                    true => template::render(&file.source, text, &context).unwrap(),
                    false => text.to_owned(),
                };
                files.insert(file.path.to_string(), text);
            }
        }
        files
    }
}

/// The ruleset that includes the files of every profile.
pub(crate) fn firewall() -> String {
    let wish = Wish {
        profile: "haproxy-node",
        ..Wish::default()
    };
    let spec = wish.spec();
    let files = spec.overlays.iter().flat_map(|overlay| &overlay.files);
    let mut found = files.filter(|file| file.path.to_string() == "/etc/nftables.conf");
    String::from_utf8(found.next().unwrap().bytes.to_vec()).unwrap()
}
