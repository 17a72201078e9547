//! Makes the specification of a build from flags, files and the environment.

use super::args::{Configuration, DefinitionArgs, TargetArgs, VerifyArgs};
use super::failure::Failure;
use super::{environment, files};
use crate::define::Definitions;
use crate::rebuild::Manifest;
use crate::specification::{
    self, BaseArgument, Configure, GivenSecret, Secret, SettingsFile, Spec, UserSettings,
};
use std::path::{Path, PathBuf};

/// The specification of `target`.
pub(super) fn spec(target: &TargetArgs) -> Result<Spec, Failure> {
    let definitions = definitions(&target.definitions)?;
    let mut user = user_settings(target)?;
    let (board, profile) = (&target.board, target.profile.join("+"));
    read_key_files(&mut user, &definitions, &profile)?;
    Ok(specification::check(&definitions, board, &profile, &user)?)
}

/// The specification that `manifest` says, with the secrets and the base that `args` give.
pub(super) fn of_manifest(args: &VerifyArgs, manifest: &Manifest) -> Result<Spec, Failure> {
    let definitions = definitions(&args.definitions)?;
    let mut secrets = environment::secrets();
    for given in given_secrets(&args.secret)? {
        if !manifest.secrets().contains(given.name.as_str()) {
            let GivenSecret { name, origin, .. } = given;
            let words = format!("`{origin}`: the image holds no secret `{name}`");
            return Err(Failure::Usage(words));
        }
        secrets.push(given);
    }
    let user = manifest.user_settings(secrets, args.base.as_deref())?;
    let (board, profile) = (&manifest.board.name, &manifest.profile.name);
    Ok(specification::check(&definitions, board, profile, &user)?)
}

/// Whether a profile that `target` names is a shipped one.
pub(super) fn is_shipped(target: &TargetArgs) -> Result<bool, Failure> {
    let definitions = definitions(&target.definitions)?;
    let mut names = target.profile.iter().flat_map(|names| names.split('+'));
    Ok(names.any(|name| definitions.ships_profile(name)))
}

/// The definitions in the folders that `args` names, in the working directory and in the user's configuration
/// folder, and the shipped ones.
pub(super) fn definitions(args: &DefinitionArgs) -> Result<Definitions, Failure> {
    let mut folders = args.definitions.clone();
    for folder in &folders {
        let has = |name| folder.join(name).is_dir();
        if !["boards", "profiles", "overlays"].into_iter().any(has) {
            let found = match folder.is_dir() {
                true => "has none of them",
                false => "is no folder that can be read",
            };
            return Err(Failure::Usage(format!(
                "`--definitions {0}`: expected a folder with boards/, profiles/ or overlays/ in it; `{0}` {found}",
                folder.display()
            )));
        }
    }
    folders.push(PathBuf::from("."));
    folders.extend(environment::configuration_folder());
    Ok(Definitions::find(&folders))
}

/// The settings and the base that the user gives on the command line, in files and in the environment.
fn user_settings(target: &TargetArgs) -> Result<UserSettings, Failure> {
    let mut files = Vec::new();
    for path in &target.settings {
        files.push(SettingsFile {
            path: path.display().to_string(),
            text: read(path)?,
        });
    }
    let mut secrets = environment::secrets();
    secrets.extend(given_secrets(&target.secret)?);
    Ok(UserSettings {
        base: base_argument(target)?,
        boot_loader_only: target.boot_loader_only,
        configure: match target.configure {
            Configuration::Build => Configure::Here,
            Configuration::FirstBoot => Configure::FirstBoot,
        },
        files,
        flags: target.set.clone(),
        secrets,
    })
}

fn read(path: &Path) -> Result<String, Failure> {
    files::read_text(path, files::MAX_TEXT).map_err(Failure::reading(path))
}

/// The secrets of `flags`, each `KEY=@FILE`.
fn given_secrets(flags: &[String]) -> Result<Vec<GivenSecret>, Failure> {
    let secret = |flag: &String| {
        let (name, path) = secret_file(flag)?;
        Ok(GivenSecret {
            name: name.to_owned(),
            origin: format!("--secret {flag}"),
            value: Secret::from_text(&read(path)?),
        })
    };
    flags.iter().map(secret).collect()
}

/// Refuses a secret of `flags` in another form than `KEY=@FILE`.
pub(super) fn check_secrets(flags: &[String]) -> Result<(), Failure> {
    let mut flags = flags.iter();
    flags.try_for_each(|flag| secret_file(flag).map(|_| ()))
}

/// The setting and the file of `--secret KEY=@FILE`. A value without `@` may be the secret itself, so no message
/// shows it.
fn secret_file(flag: &str) -> Result<(&str, &Path), Failure> {
    let Some((name, value)) = flag.split_once('=') else {
        let words = "`--secret ***`: expected KEY=@FILE";
        return Err(Failure::Usage(words.to_owned()));
    };
    let path = value.strip_prefix('@').map(Path::new);
    let path = path.ok_or_else(|| {
        Failure::Usage(format!(
            "`--secret {name}=***`: expected KEY=@FILE; a command line is seen by others, so write the secret \
             to a file and give `--secret {name}=@FILE`"
        ))
    })?;
    Ok((name, path))
}

/// Replaces `@FILE` in `--set NAME=@FILE` by the content of the file, if NAME is a list of SSH keys. No SSH key
/// begins with `@`. Mistakes in `profile` are ignored here, because [`specification::check`] reports them.
fn read_key_files(
    user: &mut UserSettings,
    definitions: &Definitions,
    profile: &str,
) -> Result<(), Failure> {
    let Ok(profile) = specification::profile(definitions, profile) else {
        return Ok(());
    };
    let is_keys = |name: &str| {
        let setting = profile.settings.get(name);
        let items = setting.and_then(|setting| setting.items.as_ref());
        items.is_some_and(|items| items.kind.is("ssh-key"))
    };
    for flag in &mut user.flags {
        let Some((name, path)) = flag.split_once("=@").filter(|(name, _)| is_keys(name)) else {
            continue;
        };
        let path = Path::new(path);
        let keys = files::read_text(path, files::MAX_TEXT).map_err(Failure::reading(path))?;
        *flag = format!("{name}={keys}");
    }
    Ok(())
}

/// The base image that `target` names.
fn base_argument(target: &TargetArgs) -> Result<Option<BaseArgument>, Failure> {
    let Some(text) = target.base.clone() else {
        return Ok(None);
    };
    let sha256 = target.base_sha256;
    Ok(Some(if text.contains("://") {
        BaseArgument::Address { url: text, sha256 }
    } else if text.contains('/') || Path::new(&text).is_file() {
        let path = PathBuf::from(text);
        BaseArgument::File { path, sha256 }
    } else if sha256.is_some() {
        return Err(Failure::Usage(format!(
            "`--base-sha256` goes with a file or a URL; what `{text}` must be stands in the board's definition"
        )));
    } else {
        BaseArgument::Named(text)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_keys_is_read_and_no_other_value_is_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs_err::write(&path, "one\ntwo\n").unwrap();
        let flag = |name: &str| format!("{name}=@{}", path.display());
        let mut user = UserSettings {
            flags: vec![flag("ssh-keys"), flag("contact")],
            ..UserSettings::default()
        };
        let definitions = Definitions::find(&[]);
        read_key_files(&mut user, &definitions, "tor-relay").unwrap();
        assert_eq!(user.flags, ["ssh-keys=one\ntwo\n", &flag("contact")]);
        user.flags = vec!["ssh-keys=@nowhere".to_owned()];
        let missing = read_key_files(&mut user, &definitions, "tor-relay");
        assert!(matches!(missing, Err(Failure::UserFile { .. })));
    }
}
