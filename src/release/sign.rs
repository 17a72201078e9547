//! Signatures of the user's own gpg, with the keys, the agent and the passphrases that gpg knows.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// gpg, and the key that signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    program: PathBuf,
    key: String,
}

/// Why a release cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// gpg is not installed.
    #[error("gpg, which signs, is not installed: expected it in a folder of PATH (package gpg)")]
    Missing,
    /// gpg has no such key.
    #[error(
        "gpg has no secret key `{key}`: expected what `gpg --list-secret-keys` shows, such as a fingerprint or an \
         address{}",
        words(.output)
    )]
    NoKey {
        /// The key.
        key: String,
        /// What gpg says.
        output: String,
    },
    /// gpg refuses to sign.
    #[error("gpg could not sign `{}`{}", .path.display(), words(.output))]
    Refused {
        /// The file.
        path: PathBuf,
        /// What gpg says.
        output: String,
    },
    /// gpg cannot be started.
    #[error("cannot start `{}`", .program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// What gpg says, behind an error.
fn words(output: &str) -> String {
    match output.trim() {
        "" => String::new(),
        output => format!("; it says:\n{output}"),
    }
}

impl Signer {
    /// Finds gpg in `folders`, and asks it for the secret `key`. A caller does this before a build, so that a build
    /// of minutes does not end without a signature.
    ///
    /// # Errors
    ///
    /// gpg is not installed or has no such key.
    pub fn find(folders: &[PathBuf], key: &str) -> Result<Self, SignError> {
        let mut files = folders.iter().map(|folder| folder.join("gpg"));
        let program = files
            .find(|file| file.is_file())
            .ok_or(SignError::Missing)?;
        let signer = Self {
            program,
            key: key.to_owned(),
        };
        let arguments = ["--batch", "--list-secret-keys", "--", key];
        let output = signer.run(Command::new(&signer.program).args(arguments))?;
        match output.status.success() && !key.is_empty() {
            true => Ok(signer),
            false => Err(SignError::NoKey {
                key: key.to_owned(),
                output: text(&output),
            }),
        }
    }

    /// Writes the detached signature of the file `path` beside it, as `<name>.asc`, and gives the path of that.
    pub(super) fn sign(&self, path: &Path) -> Result<PathBuf, SignError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".asc");
        let mut command = Command::new(&self.program);
        command.args(["--batch", "--armor", "--detach-sign", "--local-user"]);
        command
            .arg(&self.key)
            .arg("--output")
            .arg(&name)
            .arg("--")
            .arg(path);
        let output = self.run(&mut command)?;
        match output.status.success() {
            true => Ok(name.into()),
            false => Err(SignError::Refused {
                path: path.to_owned(),
                output: text(&output),
            }),
        }
    }

    fn run(&self, command: &mut Command) -> Result<Output, SignError> {
        let output = command.stdin(Stdio::null()).output();
        output.map_err(|source| SignError::Start {
            program: self.program.clone(),
            source,
        })
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
