//! What the settings of the system answer to debconf's questions.
//!
//! Profiles do not declare these answers: they say once more what imgbuild writes into /etc/localtime and
//! /etc/locale.conf, in the form in which the scripts of tzdata and locales ask for it, and a script that were
//! answered otherwise would write other files.

use crate::specification::SystemSettings;
use crate::specification::system::{BUILT_IN_LOCALE, without_charset};

/// The answers that differ from debconf's defaults, in the form of debconf-set-selections(1).
pub fn answers(system: &SystemSettings) -> String {
    let mut answers = String::new();
    let zone = system.time_zone.as_ref();
    if let Some((area, city)) = zone.and_then(|zone| zone.value.split_once('/')) {
        answers += &format!(
            "tzdata tzdata/Areas select {area}\ntzdata tzdata/Zones/{area} select {city}\n"
        );
    }
    let locale = system.locale.as_ref().map(|locale| &locale.value);
    if let Some(locale) = locale.filter(|locale| *locale != BUILT_IN_LOCALE) {
        // Debian lists some without a charset in their name, as `hi_IN UTF-8` and `ca_ES@valencia UTF-8`. What it does not list
        // it passes over.
        let name = without_charset(locale);
        answers += &format!(
            "locales locales/locales_to_be_generated multiselect {locale} UTF-8, {name} UTF-8\n\
             locales locales/default_environment_locale select {locale}\n"
        );
    }
    answers
}
