//! Diversions of files to other paths (dpkg-divert(1)), and overridden owners and modes
//! (dpkg-statoverride(1)).

use std::collections::BTreeMap;

/// Why the file of diversions or overrides cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// The number of lines is wrong. A diversion has three: path, path to use instead, package.
    #[error("/var/lib/dpkg/diversions has {found} lines, expected three per diversion")]
    Diversions {
        /// Number of lines.
        found: usize,
    },
    /// A line does not have user, group, mode and path.
    #[error("/var/lib/dpkg/statoverride has the line `{line}`, expected `user group mode path`")]
    Override {
        /// The line.
        line: String,
    },
}

/// A diversion: a path to which the files of other packages are moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diversion {
    /// The path that only `package` may use.
    pub from: Vec<u8>,
    /// The path that other packages use instead.
    pub to: Vec<u8>,
    /// The package that may use `from`; `:` if no package may.
    pub package: Vec<u8>,
}

/// All diversions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diversions {
    /// In the order of the file.
    all: Vec<Diversion>,
    /// The index of the first diversion of each path. A base image may have any number of them.
    of: BTreeMap<Vec<u8>, usize>,
}

impl Diversions {
    /// Reads the file `diversions`.
    ///
    /// # Errors
    ///
    /// The number of lines is not a multiple of three.
    pub fn parse(bytes: &[u8]) -> Result<Self, RedirectError> {
        let lines: Vec<&[u8]> = lines(bytes).collect();
        let records = lines.chunks_exact(3);
        if !records.remainder().is_empty() {
            return Err(RedirectError::Diversions { found: lines.len() });
        }
        let diversion = |record: &[&[u8]]| Diversion {
            from: record[0].to_vec(),
            to: record[1].to_vec(),
            package: record[2].to_vec(),
        };
        let all: Vec<Diversion> = records.map(diversion).collect();
        let mut of = BTreeMap::new();
        for (index, diversion) in all.iter().enumerate() {
            of.entry(diversion.from.clone()).or_insert(index);
        }
        Ok(Self { all, of })
    }

    /// The diversion of `path`.
    pub fn of(&self, path: &[u8]) -> Option<&Diversion> {
        self.of.get(path).map(|index| &self.all[*index])
    }

    /// The diversion that leads to `path`.
    pub fn to(&self, path: &[u8]) -> Option<&Diversion> {
        self.all.iter().find(|diversion| diversion.to == path)
    }

    /// The path at which the file `path` of `package` is installed.
    pub fn target<'a>(&'a self, path: &'a [u8], package: &str) -> &'a [u8] {
        match self.of(path) {
            Some(diversion) if diversion.package != package.as_bytes() => &diversion.to,
            _ => path,
        }
    }
}

/// An owner and a mode that replace those of the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Name of a user, or `#` and a number.
    pub user: Vec<u8>,
    /// Name of a group, or `#` and a number.
    pub group: Vec<u8>,
    /// Permission bits.
    pub mode: u16,
}

/// Reads the file `statoverride`: overrides by path.
pub(super) fn parse_overrides(bytes: &[u8]) -> Result<BTreeMap<Vec<u8>, Override>, RedirectError> {
    let wrong = |line: &[u8]| RedirectError::Override {
        line: String::from_utf8_lossy(line).into_owned(),
    };
    lines(bytes)
        .map(|line| parse_override(line).ok_or_else(|| wrong(line)))
        .collect()
}

fn parse_override(line: &[u8]) -> Option<(Vec<u8>, Override)> {
    let mut fields = line.splitn(4, |byte| *byte == b' ');
    let (user, group) = (fields.next()?.to_vec(), fields.next()?.to_vec());
    let mode = std::str::from_utf8(fields.next()?).ok()?;
    let mode = u16::from_str_radix(mode, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)?;
    let path = fields
        .next()
        .filter(|path| path.starts_with(b"/"))?
        .to_vec();
    Some((path, Override { user, group, mode }))
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diversion_keeps_everybody_else_away() {
        let text = b"/bin/sh\n/bin/sh.distrib\ndash\n/etc/x\n/etc/x.old\n:\n";
        let diversions = Diversions::parse(text).unwrap();
        assert_eq!(diversions.target(b"/bin/sh", "dash"), b"/bin/sh");
        assert_eq!(diversions.target(b"/bin/sh", "bash"), b"/bin/sh.distrib");
        assert_eq!(diversions.target(b"/etc/x", "dash"), b"/etc/x.old");
        assert_eq!(diversions.target(b"/etc/y", "dash"), b"/etc/y");
        assert_eq!(diversions.to(b"/etc/x.old"), diversions.of(b"/etc/x"));
        assert_eq!(
            Diversions::parse(b"a\nb\n"),
            Err(RedirectError::Diversions { found: 2 })
        );
    }

    #[test]
    fn overrides_are_read() {
        let overrides = parse_overrides(b"root #42 2755 /usr/bin/a b\n").unwrap();
        let expected = Override {
            user: b"root".to_vec(),
            group: b"#42".to_vec(),
            mode: 0o2755,
        };
        assert_eq!(overrides[b"/usr/bin/a b".as_slice()], expected);
        let line = "root root 9 /x".to_owned();
        assert_eq!(
            parse_overrides(b"root root 9 /x"),
            Err(RedirectError::Override { line })
        );
    }
}
