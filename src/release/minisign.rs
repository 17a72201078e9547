//! Signatures of the user's own minisign, which asks for the password of an encrypted key itself.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The characters of a secret key in the second line of its file: 158 bytes in base64.
const KEY_CHARACTERS: usize = 212;

/// The longest file of a key that is read. minisign's own limit of its first line is 1,024 bytes.
const MAX_KEY_FILE: u64 = 4096;

/// minisign, and the file of the key that signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minisign {
    program: PathBuf,
    key: PathBuf,
}

/// Why minisign cannot sign a release.
#[derive(Debug, thiserror::Error)]
pub enum MinisignError {
    /// minisign is not installed.
    #[error(
        "minisign, which signs, is not installed: expected it in a folder of PATH (package minisign)"
    )]
    Missing,
    /// The file of the key cannot be read.
    #[error("cannot read `{}`, the secret key of minisign", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is something else than a secret key.
    #[error(
        "`{}` is not a secret key of minisign: expected the file that `minisign -G` writes, with two lines, of which \
         the second one has {KEY_CHARACTERS} characters",
        .0.display()
    )]
    NotAKey(PathBuf),
    /// minisign refuses to sign. It has printed why.
    #[error("minisign could not sign by `{}`; it says above why, such as a wrong password", .0.display())]
    Refused(PathBuf),
    /// minisign cannot be started.
    #[error("cannot start `{}`", .program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Minisign {
    /// Finds minisign in `folders`, and looks whether the file `key` can be a secret key. A caller does this before a
    /// build, so that a build of minutes does not end without a signature. Only minisign can tell whether a password
    /// is right, and it is asked once, for the signatures.
    ///
    /// # Errors
    ///
    /// minisign is not installed, or the file cannot be read or is not a secret key.
    pub fn find(folders: &[PathBuf], key: &Path) -> Result<Self, MinisignError> {
        let mut files = folders.iter().map(|folder| folder.join("minisign"));
        let program = files
            .find(|file| file.is_file())
            .ok_or(MinisignError::Missing)?;
        let failed = |source: io::Error| MinisignError::Read {
            path: key.to_owned(),
            source,
        };
        // An absolute path cannot be taken for an option.
        let path = std::path::absolute(key).map_err(failed)?;
        match is_key(&path).map_err(failed)? {
            true => Ok(Self { program, key: path }),
            false => Err(MinisignError::NotAKey(key.to_owned())),
        }
    }

    /// Writes the signature of each file of `names` in `folder` beside it, as `<name>.minisig`, and gives the paths of
    /// the signatures. The same key, files and `comment`, which is signed too, give the same bytes.
    pub(super) fn sign(
        &self,
        folder: &Path,
        names: &[&str],
        comment: &str,
    ) -> Result<Vec<PathBuf>, MinisignError> {
        let start = |source: io::Error| MinisignError::Start {
            program: self.program.clone(),
            source,
        };
        let folder = std::path::absolute(folder).map_err(start)?;
        // The kernel ends minisign if this process is killed. Otherwise it would go on to read the terminal.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        command.arg(&self.program);
        command.arg("-S").arg("-s").arg(&self.key);
        // All files are signed at once, so that a password is asked for once.
        command.arg("-t").arg(comment).arg("-m");
        command.args(names.iter().map(|name| folder.join(name)));
        // A question and its answer go by standard error and standard input. Standard output is for the path of the
        // release alone.
        command.stdout(Stdio::null());
        match command.status().map_err(start)?.success() {
            true => Ok(names
                .iter()
                .map(|name| folder.join(format!("{name}.minisig")))
                .collect()),
            false => Err(MinisignError::Refused(self.key.clone())),
        }
    }
}

/// Whether the file `path` looks like a secret key: a comment, and a line of the length of one.
fn is_key(path: &Path) -> io::Result<bool> {
    let mut text = Vec::new();
    // A pipe would wait for a writer, and its bytes would be gone when minisign reads them.
    if !fs_err::metadata(path)?.is_file() {
        return Ok(false);
    }
    let file = fs_err::File::open(path)?;
    file.take(MAX_KEY_FILE).read_to_end(&mut text)?;
    let mut lines = text.split(|byte| *byte == b'\n');
    let comment = lines.next().unwrap_or_default();
    let key = lines.next().unwrap_or_default();
    Ok(comment.starts_with(b"untrusted comment: ") && key.trim_ascii_end().len() == KEY_CHARACTERS)
}
