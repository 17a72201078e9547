//! What a manifest says about the build of its image.

use super::error::RebuildError;
use super::unique::Unique;
use crate::digest::Sha256;
use crate::inventory::WrittenFiles;
use crate::lock::Lock;
use crate::plan::Plan;
use crate::release::{Artifact, Expected, MANIFEST_VERSION, OTHERWISE_COMPARED};
use crate::specification::{
    BaseArgument, Configure, GivenSecret, SettingsFile, Spec, UserSettings,
};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The manifest of a release, as far as it says how its image is built again. It comes from somebody else.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Manifest {
    imgbuild: Program,
    /// The build id.
    pub build_id: Sha256,
    /// The board.
    pub board: Named,
    /// The profile.
    pub profile: Named,
    base: Option<ManifestBase>,
    #[serde(default)]
    boot_loader_only: bool,
    configure: ConfigureWhen,
    settings: Map<String, Json>,
    specification: Sha256,
    lock: Sha256,
    /// The raw image.
    pub image: Artifact,
    /// The files of the release.
    pub artifacts: Vec<Artifact>,
    /// The partitions.
    #[serde(default)]
    pub partitions: Vec<MountedPartition>,
    /// The part of the build that wrote each file, apart from files of packages and of a base.
    pub origins: Option<Vec<WrittenFiles>>,
    inputs: Inputs,
    /// Everything that it says.
    #[serde(skip)]
    statements: Map<String, Json>,
}

/// Where a partition is mounted.
#[derive(Clone, Debug, Deserialize)]
pub struct MountedPartition {
    /// Its number.
    pub number: u32,
    /// The mount point.
    pub mount: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    version: u32,
}

#[derive(Clone, Debug, Deserialize)]
struct Program {
    version: String,
}

/// Something that has a name in the definitions.
#[derive(Clone, Debug, Deserialize)]
pub struct Named {
    /// The name.
    pub name: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ManifestBase {
    Named(String),
    Url(String),
    File(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ConfigureWhen {
    Build,
    FirstBoot,
}

#[derive(Clone, Debug, Deserialize)]
struct Inputs {
    base: Option<LockedImage>,
    loader: Option<LockedImage>,
    overlays: Vec<Json>,
}

#[derive(Clone, Debug, Deserialize)]
struct LockedImage {
    sha256: Sha256,
}

impl Manifest {
    /// Reads `text`, which the file `path` has.
    ///
    /// # Errors
    ///
    /// The text is no manifest, is one in another form, or says something twice.
    pub fn parse(text: &[u8], path: &Path) -> Result<Self, RebuildError> {
        let wrong = |source| RebuildError::Manifest {
            path: path.to_owned(),
            source,
        };
        // The version comes first: a manifest of another one has other keys.
        let Header { version: found } = serde_json::from_slice(text).map_err(wrong)?;
        if found != MANIFEST_VERSION {
            let expected = MANIFEST_VERSION;
            return Err(RebuildError::Form { found, expected });
        }
        let Unique = serde_json::from_slice(text).map_err(wrong)?;
        let mut statements: Map<String, Json> = serde_json::from_slice(text).map_err(wrong)?;
        for key in OTHERWISE_COMPARED {
            statements.remove(key);
        }
        let manifest: Self = serde_json::from_slice(text).map_err(wrong)?;
        Ok(Self {
            statements,
            ..manifest
        })
    }

    /// Refuses an image that another version of this program made.
    ///
    /// # Errors
    ///
    /// It did.
    pub fn check_version(&self) -> Result<(), RebuildError> {
        let expected = env!("CARGO_PKG_VERSION");
        match self.imgbuild.version == expected {
            true => Ok(()),
            false => Err(RebuildError::Version {
                found: self.imgbuild.version.clone(),
                expected,
            }),
        }
    }

    /// Whether the image was built on another image.
    pub fn has_base(&self) -> bool {
        self.inputs.base.is_some()
    }

    /// The name of the file of the lock, which lies beside the manifest.
    ///
    /// # Errors
    ///
    /// The manifest lists no such file.
    pub fn lock_name(&self) -> Result<&str, RebuildError> {
        let mut artifacts = self.artifacts.iter();
        let lock = artifacts.find(|it| it.sha256 == self.lock && is_plain(&it.name));
        Ok(&lock.ok_or(RebuildError::NoLock(self.lock))?.name)
    }

    /// Reads `text`, the lock in the file `path`.
    ///
    /// # Errors
    ///
    /// It is not the lock of this manifest, or none at all.
    pub fn lock(&self, text: &str, path: &Path) -> Result<Lock, RebuildError> {
        let (expected, found) = (self.lock, Sha256::of(text.as_bytes()));
        let path = path.to_owned();
        if expected != found {
            return Err(RebuildError::OtherLock {
                path,
                expected,
                found,
            });
        }
        Lock::parse(text).map_err(|source| RebuildError::Lock { path, source })
    }

    /// The names of the settings that are secret and were given.
    pub fn secrets(&self) -> BTreeSet<&str> {
        let secrets = self.settings.iter().filter(|(_, value)| is_secret(value));
        secrets.map(|(name, _)| name.as_str()).collect()
    }

    /// The settings and choices of the person who built the image, with `secrets` for what the manifest does not tell,
    /// and `base` for a file that only its maker had. Secrets that the manifest does not name are left out.
    ///
    /// # Errors
    ///
    /// A secret is missing, or the base is.
    pub fn user_settings(
        &self,
        mut secrets: Vec<GivenSecret>,
        base: Option<&Path>,
    ) -> Result<UserSettings, RebuildError> {
        let wanted = self.secrets();
        secrets.retain(|given| wanted.contains(given.name.as_str()));
        let missing = wanted
            .iter()
            .filter(|name| !secrets.iter().any(|it| it.name == **name));
        let missing: Vec<String> = missing.map(|name| (*name).to_owned()).collect();
        if !missing.is_empty() {
            return Err(RebuildError::Secrets(missing));
        }
        Ok(UserSettings {
            base: self.base(base)?,
            boot_loader_only: self.boot_loader_only,
            configure: match self.configure {
                ConfigureWhen::Build => Configure::Here,
                ConfigureWhen::FirstBoot => Configure::FirstBoot,
            },
            files: vec![SettingsFile {
                path: "settings of the manifest".to_owned(),
                text: self.settings_text(),
            }],
            flags: Vec::new(),
            secrets,
        })
    }

    /// The settings that are not secret, as a settings file. Absent ones have no value there.
    fn settings_text(&self) -> String {
        let given = self.settings.iter();
        let given = given.filter(|(_, value)| !value.is_null() && !is_secret(value));
        let given: BTreeMap<&String, &Json> = given.collect();
        // What TOML cannot hold, such as null in a list, is no value of a setting. The settings then lack it, and the
        // specification is found to be another one.
        toml::to_string(&given).unwrap_or_default()
    }

    fn base(&self, given: Option<&Path>) -> Result<Option<BaseArgument>, RebuildError> {
        let locked = self.inputs.base.as_ref().or(self.inputs.loader.as_ref());
        let sha256 = locked.map(|image| image.sha256);
        Ok(match &self.base {
            None => None,
            Some(ManifestBase::Named(name)) => Some(BaseArgument::Named(name.clone())),
            Some(ManifestBase::Url(url)) => Some(BaseArgument::Address {
                url: url.clone(),
                sha256,
            }),
            Some(ManifestBase::File(expected)) => {
                let path = given.ok_or_else(|| RebuildError::BaseFile(expected.clone()))?;
                let found = path.file_name().unwrap_or_default().to_string_lossy();
                if found != expected.as_str() {
                    return Err(RebuildError::BaseName {
                        expected: expected.clone(),
                        found: found.into_owned(),
                    });
                }
                let path = PathBuf::from(path);
                Some(BaseArgument::File { path, sha256 })
            }
        })
    }

    /// Refuses `spec`, which the definitions here give, if it is not the one of the image.
    ///
    /// # Errors
    ///
    /// It is another one.
    pub fn check_spec(&self, spec: &Spec) -> Result<(), RebuildError> {
        if spec.digest() == self.specification {
            return Ok(());
        }
        let form = spec.to_json();
        let here = form["overlays"].as_array().into_iter().flatten();
        let differing = here.filter(|overlay| !self.inputs.overlays.contains(overlay));
        let names = differing.filter_map(|overlay| overlay["name"].as_str());
        Err(RebuildError::Definitions {
            overlays: names.map(str::to_owned).collect(),
        })
    }

    /// Refuses an image with the digest `found` if the manifest is about another one.
    ///
    /// # Errors
    ///
    /// It is.
    pub fn check_image(&self, found: Option<Sha256>) -> Result<(), RebuildError> {
        let expected = self.image.sha256;
        match found.filter(|found| *found != expected) {
            Some(found) => Err(RebuildError::Image { expected, found }),
            None => Ok(()),
        }
    }

    /// Refuses a manifest that says something else than `expected`, which follows from what was built. People read
    /// there of which packages, settings and partitions the image is made, and their programs read the block map and
    /// the lists of components, whose digests it has.
    ///
    /// # Errors
    ///
    /// It does.
    pub fn check_expected(&self, expected: &Expected) -> Result<(), RebuildError> {
        if let Some(key) = other_key(&self.statements, &expected.statements) {
            return Err(RebuildError::Statement(key));
        }
        for document in &expected.documents {
            let listed = self.artifacts.iter().filter(|it| it.name == document.name);
            let listed: Vec<&Artifact> = listed.collect();
            if listed != [document] {
                return Err(RebuildError::Statement(format!(
                    "artifacts.{}",
                    document.name
                )));
            }
        }
        Ok(())
    }

    /// Refuses `plan` if it is not the one of the image.
    ///
    /// # Errors
    ///
    /// It is another one.
    pub fn check_plan(&self, plan: &Plan) -> Result<(), RebuildError> {
        let (expected, found) = (plan.build_id, self.build_id);
        match expected == found {
            true => Ok(()),
            false => Err(RebuildError::BuildId { expected, found }),
        }
    }
}

/// The path of the first key whose value differs: `settings.user`.
fn other_key(found: &Map<String, Json>, expected: &Map<String, Json>) -> Option<String> {
    let keys: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    let key = keys
        .into_iter()
        .find(|key| found.get(*key) != expected.get(*key))?;
    let objects =
        (found.get(key).and_then(Json::as_object)).zip(expected.get(key).and_then(Json::as_object));
    let below = objects.and_then(|(found, expected)| other_key(found, expected));
    Some(below.map_or_else(|| key.clone(), |below| format!("{key}.{below}")))
}

/// Whether `value` says of a secret that it was given, as the canonical form of a specification does.
fn is_secret(value: &Json) -> bool {
    let given = value.as_object().filter(|fields| fields.len() == 1);
    given.is_some_and(|fields| fields.get("secret").is_some_and(|it| it == "given"))
}

/// Whether `name` is that of a file beside the manifest.
pub(super) fn is_plain(name: &str) -> bool {
    Path::new(name).file_name().is_some_and(|it| it == name)
}
