//! The address at which a release will be published.

use super::purl::encode;
use crate::address::without_login;
use std::str::FromStr;

/// The address of the folder in which the files of a release will be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlBase(String);

/// An error: the text is not the address of a folder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is no address of a folder: expected http://…, https://… or file:///…, which everybody may read, without a \
     login, spaces, `?` and `#`",
    without_login(.0)
)]
pub struct BadUrlBase(pub String);

impl FromStr for UrlBase {
    type Err = BadUrlBase;

    fn from_str(text: &str) -> Result<Self, BadUrlBase> {
        let schemes = ["http://", "https://", "file:///"];
        let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
        let is_sound = |c: char| c.is_ascii_graphic() && !"?#\"<>\\^`{|}".contains(c);
        // The address is published, and so would be a login in it.
        let has_login = |rest: &str| rest.split('/').next().is_some_and(|it| it.contains('@'));
        match rest {
            Some(rest)
                if !rest.starts_with('/')
                    && !rest.is_empty()
                    && !has_login(rest)
                    && text.chars().all(is_sound) =>
            {
                Ok(Self(text.trim_end_matches('/').to_owned()))
            }
            _ => Err(BadUrlBase(text.to_owned())),
        }
    }
}

impl UrlBase {
    /// The address of the file `name` in this folder.
    pub(super) fn join(&self, name: &str) -> String {
        format!("{}/{}", self.0, encode(name))
    }
}

#[cfg(test)]
mod tests {
    use super::UrlBase;

    #[test]
    fn a_file_has_one_slash_before_it_and_only_folders_are_taken() {
        for text in [
            "https://example.org/x",
            "https://example.org/x/",
            "file:///home/me",
        ] {
            let base: UrlBase = text.parse().unwrap();
            let url = base.join("a+b.img");
            assert_eq!(url, format!("{}/a%2Bb.img", text.trim_end_matches('/')));
        }
        for text in [
            "",
            "example.org",
            "ftp://x",
            "https://",
            "file://x/y",
            "https://x/?a=b",
            "https://x/a b",
            "https://me:hidden@example.org/x",
            "https://hidden@example.org",
        ] {
            let error = text.parse::<UrlBase>().unwrap_err().to_string();
            assert!(!error.contains("hidden"), "{error}");
        }
    }
}
