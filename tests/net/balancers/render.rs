//! The files of an image's overlays, rendered by imgbuild as a build does.

use crate::render::{render, wanted};
use imgbuild::define::Definitions;
use imgbuild::specification::{GivenSecret, Secret, SettingsFile, Spec, UserSettings, check};
use std::collections::BTreeMap;

/// The profile and the settings of a load balancer.
#[derive(Default)]
pub(crate) struct Wish<'w> {
    pub(crate) profile: &'w str,
    pub(crate) flags: &'w [&'w str],
    pub(crate) file: &'w str,
    pub(crate) certificate: Option<&'w str>,
}

impl Wish<'_> {
    /// The specification of these settings.
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
        // The definitions are read from the working tree, so that a change needs no new build of the program.
        let definitions = Definitions::find(&[env!("CARGO_MANIFEST_DIR").into()]);
        let spec = check(&definitions, "x86_64", self.profile, &user);
        spec.unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
    }

    /// The files of the overlays of load balancers, by path; a later overlay wins.
    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        let mut spec = self.spec();
        spec.overlays
            .retain(|overlay| overlay.name.starts_with("haproxy"));
        // These overlays use nothing that only a build knows.
        let context = spec.context(serde_json::Value::Null);
        let text = |file| render(file, &context);
        wanted(&spec)
            .map(|file| (file.path.to_string(), text(file)))
            .collect()
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
