//! Signed InRelease files, which describe one suite of an archive.
//!
//! Only [`Release::verify`] makes a [`Release`], so every one has a good signature. `Date` and
//! `Valid-Until` are read here, and checked by [`super::repository`].

use super::date;
use super::keyring::{Keyring, SignatureError};
use crate::digest::{NotADigest, Sha256};
use crate::dpkg::control::{self, ControlError};
use crate::epoch::Epoch;
use std::collections::BTreeMap;

/// The verified Release file of one suite.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Release {
    /// Digest of the whole InRelease file, including its signatures.
    pub digest: Sha256,
    /// Fingerprints of the keys with a good signature.
    pub signers: Vec<String>,
    /// `Origin`: who publishes, `Debian`.
    pub origin: Option<String>,
    /// `Label`: what is published, `Debian` or `Debian-Security`.
    pub label: Option<String>,
    /// `Suite`: `stable`, `stable-updates`.
    pub suite: Option<String>,
    /// `Codename`: `trixie`, `trixie-updates`.
    pub codename: Option<String>,
    /// `Version`: `13.2`.
    pub version: Option<String>,
    /// `Date`: when it was made.
    pub date: Epoch,
    /// `Valid-Until`: the time from which it is refused.
    pub valid_until: Option<Epoch>,
    /// `Acquire-By-Hash`: files may be asked for by digest.
    pub by_hash: bool,
    /// `NotAutomatic`: packages are taken from here only on request, as with backports.
    pub not_automatic: bool,
    /// `ButAutomaticUpgrades`: packages that were taken from here are upgraded from here.
    pub but_automatic_upgrades: bool,
    /// `Components`.
    pub components: Vec<String>,
    /// `Architectures`.
    pub architectures: Vec<String>,
    /// `SHA256`: the files below `dists/<suite>/`.
    pub files: BTreeMap<String, ListedFile>,
}

/// The entry of a Release file for one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Length in bytes.
    pub size: u64,
    /// Digest.
    pub sha256: Sha256,
}

/// Why an InRelease file is refused.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The file is not text.
    #[error("not UTF-8 text")]
    NotText(#[from] std::str::Utf8Error),
    /// The signature is refused.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The signed text is malformed.
    #[error("the signed text is malformed")]
    Form(#[from] ControlError),
    /// The text has no stanza, or more than one.
    #[error("the signed text has {found} stanzas, expected one")]
    Stanzas {
        /// Their number; 2 stands for more.
        found: usize,
    },
    /// The field of a date does not hold one.
    #[error("field `{field}` is `{value}`, expected a date like `Sat, 06 Sep 2025 08:12:33 UTC`")]
    Date {
        /// Its name.
        field: &'static str,
        /// The text of the field.
        value: String,
    },
    /// A line of the file table is malformed.
    #[error("`SHA256` has the line `{line}`, expected a digest, a size and a path")]
    FileLine {
        /// The line.
        line: String,
    },
    /// A digest in the file table is malformed.
    #[error("`SHA256` is malformed")]
    Digest(#[from] NotADigest),
    /// The file table has one path with two contents.
    #[error("`SHA256` lists `{path}` twice with different content")]
    Twice {
        /// The path.
        path: String,
    },
}

impl Release {
    /// Verifies the InRelease file `bytes` with `keyring` at the time `now`, then reads it.
    ///
    /// # Errors
    ///
    /// No acceptable key has signed the text, or the text is malformed.
    pub fn verify(bytes: &[u8], keyring: &Keyring, now: Epoch) -> Result<Self, ReleaseError> {
        let signed = keyring.verify(std::str::from_utf8(bytes)?, now)?;
        let mut release = Self::read(&signed.text)?;
        release.digest = Sha256::of(bytes);
        release.signers = signed.signers;
        Ok(release)
    }

    /// Whether `suite` is the suite or the codename of this release.
    pub fn is_suite(&self, suite: &str) -> bool {
        self.suite.as_deref() == Some(suite) || self.codename.as_deref() == Some(suite)
    }

    fn read(text: &str) -> Result<Self, ReleaseError> {
        let mut stanzas = control::parse(text);
        let stanza = stanzas.next().ok_or(ReleaseError::Stanzas { found: 0 })??;
        if stanzas.next().is_some() {
            return Err(ReleaseError::Stanzas { found: 2 });
        }
        let value = |name| stanza.folded(name).map(|value| value.into_owned());
        let point = |field: &'static str, value: &str| {
            let wrong = || ReleaseError::Date {
                field,
                value: value.to_owned(),
            };
            date::parse(value).ok_or_else(wrong)
        };
        let valid_until = stanza.get("Valid-Until");
        Ok(Self {
            digest: Sha256::of(b""),
            signers: Vec::new(),
            origin: value("Origin"),
            label: value("Label"),
            suite: value("Suite"),
            codename: value("Codename"),
            version: value("Version"),
            date: point("Date", stanza.required("Date")?)?,
            valid_until: valid_until
                .map(|value| point("Valid-Until", value))
                .transpose()?,
            by_hash: stanza.get("Acquire-By-Hash") == Some("yes"),
            not_automatic: stanza.get("NotAutomatic") == Some("yes"),
            but_automatic_upgrades: stanza.get("ButAutomaticUpgrades") == Some("yes"),
            components: stanza.words("Components"),
            architectures: stanza.words("Architectures"),
            files: listed_files(stanza.required("SHA256")?)?,
        })
    }
}

fn listed_files(table: &str) -> Result<BTreeMap<String, ListedFile>, ReleaseError> {
    let mut files = BTreeMap::new();
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let wrong = || ReleaseError::FileLine {
            line: line.to_owned(),
        };
        let words: Vec<&str> = line.split_whitespace().collect();
        let [digest, size, path] = words[..] else {
            return Err(wrong());
        };
        let file = ListedFile {
            size: size.parse().map_err(|_| wrong())?,
            sha256: digest.parse()?,
        };
        let earlier = files.insert(path.to_owned(), file);
        if earlier.is_some_and(|earlier| earlier != file) {
            return Err(ReleaseError::Twice {
                path: path.to_owned(),
            });
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_text_is_read() {
        let empty = Sha256::of(b"");
        let text = format!(
            "Origin: Debian\nLabel: Debian\nSuite: stable\nVersion: 13.2\nCodename: trixie\n\
             Date: Thu, 01 Jan 1970 00:00:01 UTC\nAcquire-By-Hash: yes\n\
             Architectures: all amd64\nComponents: main contrib\nMD5Sum:\n x 1 main/y\n\
             SHA256:\n {empty}  0 main/binary-amd64/Packages\n"
        );
        let file = ListedFile {
            size: 0,
            sha256: empty,
        };
        let expected = Release {
            digest: empty,
            signers: Vec::new(),
            origin: Some("Debian".to_owned()),
            label: Some("Debian".to_owned()),
            suite: Some("stable".to_owned()),
            codename: Some("trixie".to_owned()),
            version: Some("13.2".to_owned()),
            date: Epoch(1),
            valid_until: None,
            by_hash: true,
            not_automatic: false,
            but_automatic_upgrades: false,
            components: vec!["main".to_owned(), "contrib".to_owned()],
            architectures: vec!["all".to_owned(), "amd64".to_owned()],
            files: BTreeMap::from([("main/binary-amd64/Packages".to_owned(), file)]),
        };
        assert_eq!(Release::read(&text).unwrap(), expected);
    }

    #[test]
    fn a_damaged_text_is_refused() {
        let date = "Date: Thu, 01 Jan 1970 00:00:01 UTC\n";
        let (one, two) = (Sha256::of(b"1"), Sha256::of(b"2"));
        for (text, part) in [
            (String::new(), "0 stanzas"),
            ("SHA256:\n".to_owned(), "malformed"),
            (format!("{date}SHA256:\n\nSuite: x\n"), "2 stanzas"),
            ("Date: today\nSHA256:\n".to_owned(), "`Date` is `today`"),
            (
                format!("{date}Valid-Until: never\nSHA256:\n"),
                "`Valid-Until` is `never`",
            ),
            (
                format!("{date}SHA256:\n abc 1 x\n"),
                "`SHA256` is malformed",
            ),
            (format!("{date}SHA256:\n {one} x\n"), "has the line"),
            (format!("{date}SHA256:\n {one} -1 x\n"), "has the line"),
            (
                format!("{date}SHA256:\n {one} 1 x\n {two} 1 x\n"),
                "lists `x` twice",
            ),
        ] {
            let error = Release::read(&text).unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }
}
