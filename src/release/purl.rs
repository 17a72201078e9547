//! Package URLs, by which scanners find the advisories for a package:
//! `pkg:deb/debian/bash@5.2-1?arch=amd64&distro=debian-13`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The characters that are encoded: all but letters, digits, and those that the specification of package URLs leaves
/// as they are.
const ENCODED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// The parts of the package URL of a Debian package.
pub(super) struct Purl<'a> {
    /// Who made the package, such as `debian`.
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) architecture: &'a str,
    /// The operating system and its release. Some scanners ignore a package without it.
    pub(super) distro: &'a str,
    /// The source package and its version: advisories are about sources.
    pub(super) source: Option<(&'a str, &'a str)>,
}

impl Purl<'_> {
    /// The text of the URL. Its qualifiers are in the order of their names.
    pub(super) fn text(&self) -> String {
        let (namespace, name) = (self.namespace.to_lowercase(), self.name.to_lowercase());
        let mut text = format!(
            "pkg:deb/{}/{}@{}?arch={}&distro={}",
            encode(&namespace),
            encode(&name),
            encode(self.version),
            encode(self.architecture),
            encode(self.distro),
        );
        if let Some((source, version)) = self.source {
            text += &format!("&upstream={}", encode(&format!("{source}@{version}")));
        }
        text
    }
}

/// `text` with everything encoded that has a meaning of its own in a URL.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, &ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::Purl;

    #[test]
    fn epochs_stay_and_what_a_url_would_take_for_its_own_is_encoded() {
        let purl = Purl {
            namespace: "debian",
            name: "libstdc++6",
            version: "1:14.2.0-19+b1~deb13u1",
            architecture: "arm64",
            distro: "debian-13",
            source: Some(("gcc-14", "14.2.0-19")),
        };
        assert_eq!(
            purl.text(),
            "pkg:deb/debian/libstdc%2B%2B6@1:14.2.0-19%2Bb1~deb13u1?arch=arm64&distro=debian-13\
             &upstream=gcc-14%4014.2.0-19"
        );
    }
}
