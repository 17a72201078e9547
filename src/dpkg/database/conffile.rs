//! Configuration files of packages: the member `conffiles`, and the field `Conffiles` of `status`.

use crate::dpkg::control::Field;

/// The error for a malformed line of the member `conffiles` or of the field of that name.
#[derive(Debug, thiserror::Error)]
#[error("conffile line `{line}`: expected an absolute path, perhaps after `remove-on-upgrade`")]
pub struct NotAConffile {
    /// The line.
    pub line: String,
}

/// A configuration file as the database knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conffile {
    /// Its path, with a leading slash.
    pub path: Vec<u8>,
    /// MD5 of the version that was configured last, or `newconffile` if none was.
    pub hash: String,
    /// Whether the package no longer has it.
    pub obsolete: bool,
    /// Whether an upgrade removes it.
    pub remove_on_upgrade: bool,
}

impl Conffile {
    /// Appends its line of the field `Conffiles`.
    pub(super) fn show(&self, bytes: &mut Vec<u8>) {
        bytes.extend([b" ", &*self.path, b" ", self.hash.as_bytes()].concat());
        if self.obsolete {
            bytes.extend(b" obsolete");
        }
        if self.remove_on_upgrade {
            bytes.extend(b" remove-on-upgrade");
        }
        bytes.push(b'\n');
    }
}

/// The conffiles that a package's member `conffiles` declares.
///
/// # Errors
///
/// A line has no absolute path.
pub fn declared_conffiles(bytes: &[u8]) -> Result<Vec<Conffile>, NotAConffile> {
    let lines = bytes
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_end);
    lines
        .filter(|line| !line.is_empty())
        .map(declared_conffile)
        .collect()
}

fn declared_conffile(line: &[u8]) -> Result<Conffile, NotAConffile> {
    let flagged = line.strip_prefix(b"remove-on-upgrade ");
    let path = flagged.unwrap_or(line);
    if !path.starts_with(b"/") {
        let line = String::from_utf8_lossy(line).into_owned();
        return Err(NotAConffile { line });
    }
    Ok(Conffile {
        path: path.to_vec(),
        hash: "newconffile".to_owned(),
        obsolete: false,
        remove_on_upgrade: flagged.is_some(),
    })
}

/// The lines of the field `Conffiles`: ` path hash [obsolete] [remove-on-upgrade]`.
pub(super) fn known_conffiles(field: &Field<'_>) -> Result<Vec<Conffile>, NotAConffile> {
    let lines = field.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let wrong = || NotAConffile {
                line: line.to_owned(),
            };
            let (rest, remove_on_upgrade) = flag(line, " remove-on-upgrade");
            let (rest, obsolete) = flag(rest, " obsolete");
            let (path, hash) = rest.rsplit_once(' ').ok_or_else(wrong)?;
            if !path.starts_with('/') {
                return Err(wrong());
            }
            let (path, hash) = (path.as_bytes().to_vec(), hash.to_owned());
            Ok(Conffile {
                path,
                hash,
                obsolete,
                remove_on_upgrade,
            })
        })
        .collect()
}

fn flag<'a>(line: &'a str, flag: &str) -> (&'a str, bool) {
    match line.strip_suffix(flag) {
        Some(rest) => (rest, true),
        None => (line, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conffile_without_a_slash_is_refused() {
        assert!(declared_conffiles(b"etc/x\n").is_err());
        assert!(declared_conffiles(b"later /etc/x\n").is_err());
    }
}
