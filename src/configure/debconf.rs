//! The answers to debconf's questions that follow from the settings of the system.
//!
//! Profiles do not declare these answers. They repeat the values that imgbuild writes into /etc/localtime and
//! /etc/locale.conf, in the form of the questions of tzdata and locales: with other answers, the scripts of these
//! packages would write other files.

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
        // Debian lists some locales without a charset in their name, such as `hi_IN UTF-8` and `ca_ES@valencia UTF-8`.
        // The script ignores a name that Debian does not list, so both forms are given.
        let name = without_charset(locale);
        answers += &format!(
            "locales locales/locales_to_be_generated multiselect {locale} UTF-8, {name} UTF-8\n\
             locales locales/default_environment_locale select {locale}\n"
        );
    }
    answers
}
