//! Addresses of inputs: `http:`, `https:` or `file:`, shown without a login.

use crate::address::{is_plain_path, without_login};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// An absolute address whose scheme this program can fetch.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Url(Box<reqwest::Url>);

/// Why a text is not a usable address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// The text is not a URL.
    #[error("`{text}` is not a URL: {reason}")]
    Malformed {
        /// The text.
        text: String,
        /// The reason, in the words of the parser.
        reason: String,
    },
    /// Its scheme is not supported.
    #[error("`{text}` has the scheme `{scheme}`, expected http, https or file")]
    Scheme {
        /// The text.
        text: String,
        /// Its scheme.
        scheme: String,
    },
    /// The path could lead out of the folder below which it must stay.
    #[error(
        "path `{path}` is not a plain relative path: expected names joined by `/`, without `..`"
    )]
    Path {
        /// The path.
        path: String,
    },
}

impl Url {
    /// The address of `path` below this one. Characters that are special in a URL are quoted.
    ///
    /// `path` comes from an index or a lock, so a path with `..`, an empty name or a leading `/` is
    /// refused.
    ///
    /// # Errors
    ///
    /// The path is not a plain relative path.
    pub fn join(&self, path: &str) -> Result<Self, BadUrl> {
        let refused = || BadUrl::Path {
            path: path.to_owned(),
        };
        if !is_plain_path(path) {
            return Err(refused());
        }
        let mut joined = self.0.clone();
        let mut segments = joined.path_segments_mut().map_err(|()| refused())?;
        segments.pop_if_empty().extend(path.split('/'));
        drop(segments);
        Ok(Self(joined))
    }

    /// The path, without a slash at its end: `/debian`.
    pub fn path(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }

    /// This address with `suffix` appended to its last name: `…/debian` → `…/debian-security`.
    pub fn with_suffix(&self, suffix: &str) -> Self {
        let mut other = self.0.clone();
        other.set_path(&format!("{}{suffix}", self.path()));
        Self(other)
    }

    /// The path of the file, if this is a `file:` address.
    pub(super) fn file_path(&self) -> Option<PathBuf> {
        let is_file = self.0.scheme() == "file";
        is_file.then(|| self.0.to_file_path().ok())?
    }

    pub(super) fn inner(&self) -> &reqwest::Url {
        &self.0
    }
}

impl FromStr for Url {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let shown = || without_login(text).into_owned();
        let malformed = |reason: String| BadUrl::Malformed {
            text: shown(),
            reason,
        };
        let url = reqwest::Url::parse(text).map_err(|error| malformed(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https" | "file") {
            return Err(BadUrl::Scheme {
                text: shown(),
                scheme: url.scheme().to_owned(),
            });
        }
        if url.scheme() == "file" && url.to_file_path().is_err() {
            return Err(malformed("a file address names no other host".to_owned()));
        }
        Ok(Self(Box::new(url)))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.username().is_empty() && self.0.password().is_none() {
            return f.write_str(self.0.as_str());
        }
        let mut shown = self.0.clone();
        // Neither call can fail, because an address with a login has a host.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        f.write_str(shown.as_str())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_is_joined_whether_or_not_the_base_ends_in_a_slash() {
        for base in ["http://deb.example/debian", "http://deb.example/debian/"] {
            let joined = url(base).join("pool/main/g/g++/g++_4%3a12~1.deb").unwrap();
            assert_eq!(
                joined.to_string(),
                "http://deb.example/debian/pool/main/g/g++/g++_4%253a12~1.deb"
            );
        }
    }

    #[test]
    fn a_path_that_leaves_the_base_is_refused() {
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "a/.",
            "a\\..\\b",
            "a\nb",
        ] {
            let refused = BadUrl::Path {
                path: path.to_owned(),
            };
            assert_eq!(url("http://deb.example/debian").join(path), Err(refused));
        }
    }

    #[test]
    fn a_login_is_never_shown() {
        for login in ["user:hunter2@", "user@", ":hunter2@", ""] {
            let text = format!("{:?}", url(&format!("https://{login}deb.example/debian")));
            assert_eq!(text, "https://deb.example/debian");
        }
        for text in [
            "http://user:hunter2@host:99999/",
            "ftp://user:hunter2@host/",
        ] {
            let words = text.parse::<Url>().unwrap_err().to_string();
            assert!(
                words.contains("//host") && !words.contains("hunter2"),
                "{words}"
            );
        }
    }

    #[test]
    fn other_schemes_and_files_of_other_hosts_are_refused() {
        for text in [
            "ftp://deb.example/debian",
            "cdrom:[x]/",
            "debian",
            "file://host/debian",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
        assert_eq!(
            url("file:///srv/debian").file_path(),
            Some(PathBuf::from("/srv/debian"))
        );
    }
}
