//! `imgbuild`, `imgbuild lock` and `imgbuild plan`.

use super::args::{BuildArgs, Configuration, LockArgs, PlanArgs, TalkArgs, TargetArgs};
use super::bench::{Bench, default_lock};
use super::failure::Failure;
use super::progress::{Progress, Show, now, say};
use super::{environment, given, print_json, print_path, print_text, signals};
use crate::define::{Definitions, Kind};
use crate::lock::Lock;
use crate::pipeline;
use crate::sink::{Output, Readers};
use crate::specification::{
    self, BaseArgument, Configure, GivenSecret, Secret, SettingsFile, Spec, UserSettings,
};
use crate::unfinished::Unfinished;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Builds the image and prints where it is.
pub(super) fn image(args: &BuildArgs, talk: TalkArgs) -> Result<(), Failure> {
    print_path(&write(args, talk)?)
}

/// Builds the image; gives where it is.
pub(super) fn write(args: &BuildArgs, talk: TalkArgs) -> Result<PathBuf, Failure> {
    let began = now();
    let progress = Progress::new(Show::suited(talk.quiet));
    if let Some(path) = &args.output {
        check_output(path)?;
    }
    let bench = Bench::open(&args.target, &args.input, &progress)?;
    let path = args
        .output
        .clone()
        .unwrap_or_else(|| default_output(&bench.spec));
    let (plan, written) = bench.healed(|| {
        // The output's folder is tried before minutes are spent on an image that cannot be kept.
        let readers = match bench.spec.has_secrets() {
            true => Readers::Owner,
            false => Readers::Anyone,
        };
        let output = Output::create(&path, readers)?;
        signals::guard(output.partial());
        let (plan, start) = bench.plan(args)?;
        if talk.verbose {
            say(plan.to_text().trim_end());
        }
        let start = match start {
            Some(start) => start,
            None => bench.start(plan.lock.base.as_ref().or(plan.lock.loader.as_ref()))?,
        };
        let image = pipeline::build(&plan, &bench.context(&start));
        let image = image.map_err(|error| Failure::from(error).in_store(&bench.store))?;
        let written = bench.write(&plan, &image, output)?;
        Ok((plan, written))
    })?;
    if !talk.quiet {
        let digest = written
            .sha256
            .map(|digest| digest.to_string())
            .unwrap_or_default();
        say(&format!(
            "{} {} bytes sha256:{digest} build {} {:.1} s",
            path.display(),
            written.len,
            &plan.build_id.to_string()[..16],
            began.elapsed().as_secs_f64(),
        ));
    }
    Ok(path)
}

/// Writes the lock.
pub(super) fn lock(args: &LockArgs, talk: TalkArgs) -> Result<(), Failure> {
    let progress = Progress::new(Show::suited(talk.quiet));
    let bench = Bench::open(&args.target, &args.input, &progress)?;
    let lock = bench.healed(|| bench.resolve(&bench.start(None)?))?;
    let path = args
        .output
        .clone()
        .unwrap_or_else(|| default_lock(&bench.spec));
    let written = write_lock(&path, &lock);
    written.map_err(|source| Failure::WriteLock {
        path: path.clone(),
        source,
    })?;
    print_path(&path)
}

fn write_lock(path: &Path, lock: &Lock) -> io::Result<()> {
    let folder = path.parent();
    if let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) {
        fs_err::create_dir_all(folder)?;
    }
    let unfinished = Unfinished::create(path)?;
    signals::guard(unfinished.partial());
    let mut file = unfinished.file();
    file.write_all(lock.to_text().as_bytes())?;
    unfinished.finish()
}

/// Shows what would be built.
pub(super) fn plan(args: &PlanArgs, talk: TalkArgs) -> Result<(), Failure> {
    let progress = Progress::new(Show::suited(talk.quiet));
    let bench = Bench::open(&args.build.target, &args.build.input, &progress)?;
    let (plan, _) = bench.healed(|| bench.plan(&args.build))?;
    match args.json {
        true => print_json(&plan.to_json()),
        false => print_text(&plan.to_text()),
    }
}

/// Definitions of the folders on the command line, of the working directory, of the user, and the
/// shipped ones.
pub(super) fn definitions(named: &[PathBuf]) -> Definitions {
    let usual = [
        Some(PathBuf::from(".")),
        environment::configuration_folder(),
    ];
    let usual = usual.into_iter().flatten();
    let folders: Vec<PathBuf> = named.iter().cloned().chain(usual).collect();
    Definitions::find(&folders)
}

/// What the person gives on the command line, in files and in the environment.
pub(super) fn user_settings(target: &TargetArgs) -> Result<UserSettings, Failure> {
    let read = |path: &Path| {
        let failed = |source| Failure::UserFile {
            path: path.to_owned(),
            source,
        };
        given::read_text(path, given::MAX_TEXT).map_err(failed)
    };
    let mut files = Vec::new();
    for path in &target.settings {
        files.push(SettingsFile {
            path: path.display().to_string(),
            text: read(path)?,
        });
    }
    let of_variable = |(name, variable, value): (String, String, String)| GivenSecret {
        name,
        origin: variable,
        value: Secret::from_text(&value),
    };
    let mut secrets: Vec<GivenSecret> = environment::secrets()
        .into_iter()
        .map(of_variable)
        .collect();
    for flag in &target.secret {
        let (name, path) = secret_file(flag)?;
        let value = Secret::from_text(&read(path)?);
        secrets.push(GivenSecret {
            name: name.to_owned(),
            origin: format!("--secret {flag}"),
            value,
        });
    }
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

/// The setting and the file of `--secret KEY=@FILE`. The sign says that what follows is not the secret
/// itself; what stands there without it may be, and is not shown.
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

/// Puts the content of FILE in the place of `--set NAME=@FILE`, where NAME is a list of SSH keys, of which none
/// begins so. What is wrong with `profile` is reported by those who read it for its own sake.
pub(super) fn read_key_files(
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
        items.is_some_and(|items| items.kind == Kind::SshKey)
    };
    for flag in &mut user.flags {
        let Some((name, path)) = flag.split_once("=@").filter(|(name, _)| is_keys(name)) else {
            continue;
        };
        let keys = given::read_text(Path::new(path), given::MAX_TEXT);
        let keys = keys.map_err(|source| Failure::UserFile {
            path: path.into(),
            source,
        })?;
        *flag = format!("{name}={keys}");
    }
    Ok(())
}

/// The base that `target` asks for.
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

/// Endings of files that hold an image in another form than the one that is written.
const OTHER_FORMS: [&str; 36] = [
    "7z", "bmap", "bz2", "cpio", "deb", "dmg", "ext4", "fat", "gz", "iso", "lz4", "lzma", "lzo",
    "ova", "ovf", "qcow", "qcow2", "qed", "rar", "simg", "squashfs", "swu", "tar", "tbz", "tbz2",
    "tgz", "txz", "tzst", "vdi", "vhd", "vhdx", "vmdk", "xz", "zip", "zst", "zstd",
];

/// Refuses the name of an output that promises what would not be in it.
fn check_output(path: &Path) -> Result<(), Failure> {
    if path == Path::new("-") {
        let words = "`--output -`: an image cannot be written to standard output; give the name of a file, or \
                     `./-` for a file of that name";
        return Err(Failure::Usage(words.to_owned()));
    }
    let ending = path.extension().and_then(|ending| ending.to_str());
    let ending = ending.map(str::to_ascii_lowercase);
    let other = ending.filter(|ending| OTHER_FORMS.contains(&ending.as_str()));
    other.map_or(Ok(()), |ending| {
        let plain = path.with_extension("");
        Err(Failure::Usage(format!(
            "`--output {}`: an image is written as it goes to the disk, not as .{ending}; write it to `{}` and \
             pack or convert that",
            path.display(),
            plain.display(),
        )))
    })
}

fn default_output(spec: &Spec) -> PathBuf {
    PathBuf::from(format!("{}-{}.img", spec.board.name, spec.profile.name))
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
