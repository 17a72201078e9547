//! The Plan: a Spec and its Lock, with the identifiers that are derived from both.

use crate::define::board::ArchiveFile;
use crate::digest::{Hasher, Sha256};
use crate::epoch::Epoch;
use crate::lock::{Lock, LockedPackage, LockedRepository};
use crate::seed::{Seed, uuid_text};
use crate::specification::{ImageBase, Spec};
use serde_json::json;

/// A Spec and its Lock. Every byte of the image depends only on these two.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The specification of the image.
    pub spec: Spec,
    /// The inputs.
    pub lock: Lock,
    /// The build id: the digest of everything on which the image depends, without secrets.
    pub build_id: Sha256,
    seed: Seed,
}

/// An error: a lock was made for another Spec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StaleLock {
    /// The lock was made for other packages.
    #[error(
        "the lock was made for another set of packages ({found}, expected {expected}); run `imgbuild \
         lock` with the same flags"
    )]
    Packages {
        /// The digest of the Spec.
        expected: Sha256,
        /// The digest in the lock.
        found: Sha256,
    },
    /// The lock was made for another base image.
    #[error(
        "the lock was made for a base image with sha256 {found}, expected {expected}; run `imgbuild \
         lock` with the same flags"
    )]
    Base {
        /// The digest of the file that the Spec asks for.
        expected: Sha256,
        /// The digest in the lock.
        found: Sha256,
    },
}

impl StaleLock {
    /// Refuses a `lock` that was not made for `spec`.
    ///
    /// # Errors
    ///
    /// The lock was made for other packages or for another base image.
    pub fn check(spec: &Spec, lock: &Lock) -> Result<(), Self> {
        let expected = spec.resolution_digest();
        if lock.spec != expected {
            let found = lock.spec;
            return Err(Self::Packages { expected, found });
        }
        for (wanted, locked) in [(&spec.base, &lock.base), (&spec.loader, &lock.loader)] {
            let wanted = wanted.as_ref().and_then(ImageBase::sha256);
            let locked = locked.as_ref().map(|base| base.sha256);
            if let (Some(expected), Some(found)) = (wanted, locked)
                && expected != found
            {
                return Err(Self::Base { expected, found });
            }
        }
        Ok(())
    }
}

impl Plan {
    /// Makes the plan of `spec` and its `lock`.
    ///
    /// # Errors
    ///
    /// The lock was made for another Spec.
    pub fn new(spec: Spec, lock: Lock) -> Result<Self, StaleLock> {
        StaleLock::check(&spec, &lock)?;
        let mut hasher = Hasher::new();
        hasher.field(b"imgbuild plan");
        hasher.field(env!("CARGO_PKG_VERSION").as_bytes());
        hasher.field(&spec.digest().0);
        hasher.field(&lock.epoch.0.to_le_bytes());
        for repository in &lock.repositories {
            hasher.field(repository.name.as_bytes());
            hasher.field(repository.url.as_bytes());
        }
        for base in [&lock.base, &lock.loader].into_iter().flatten() {
            hasher.field(&base.sha256.0);
        }
        // The tools of the building host are left out, because no byte of the image may depend on them.
        for package in lock
            .packages
            .iter()
            .chain(&lock.file_packages)
            .chain(&lock.third_party_packages)
        {
            hash_package(&mut hasher, package);
        }
        let build_id = hasher.finish();
        Ok(Self {
            spec,
            lock,
            build_id,
            seed: Seed(build_id),
        })
    }

    /// The only point in time that appears in the image.
    pub fn epoch(&self) -> Epoch {
        self.lock.epoch
    }

    /// The disk GUID of a GPT.
    pub fn disk_guid(&self) -> [u8; 16] {
        self.seed.uuid("disk")
    }

    /// The disk id of an MBR.
    pub fn disk_id(&self) -> u32 {
        self.seed.id32("disk")
    }

    /// The partition GUID of partition `name` in a GPT.
    pub fn partition_guid(&self, name: &str) -> [u8; 16] {
        self.seed.uuid(&format!("partition/{name}"))
    }

    /// The UUID of the ext4 in partition `name`.
    pub fn filesystem_uuid(&self, name: &str) -> [u8; 16] {
        self.seed.uuid(&format!("filesystem/{name}"))
    }

    /// The hash seed of the directories of the ext4 in partition `name`.
    pub fn hash_seed(&self, name: &str) -> [u8; 16] {
        self.seed.uuid(&format!("hash-seed/{name}"))
    }

    /// The volume id of the FAT in partition `name`.
    pub fn fat_volume_id(&self, name: &str) -> u32 {
        self.seed.id32(&format!("fat/{name}"))
    }

    /// The UUID of the ext4 in partition `name`, as text.
    pub fn filesystem_uuid_text(&self, name: &str) -> String {
        uuid_text(&self.filesystem_uuid(name))
    }

    /// The UUID of the document `name` of a release, as text.
    pub fn document_uuid(&self, name: &str) -> String {
        uuid_text(&self.seed.uuid(&format!("document/{name}")))
    }

    /// The package in the lock that has a file of a third-party archive, and the archive.
    pub fn third_party_packages(
        &self,
        wanted: &ArchiveFile,
    ) -> Option<(&LockedPackage, &LockedRepository)> {
        let name = self.spec.board.archive(&wanted.archive).repository();
        let is_wanted = |package: &&LockedPackage| {
            package.repository == name && package.name == wanted.file.package
        };
        let package = self.lock.third_party_packages.iter().find(is_wanted);
        let mut archives = self.lock.third_party_archives.iter();
        package.zip(archives.find(|archive| archive.name == name))
    }

    /// The plan as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        let packages = |packages: &[LockedPackage]| -> serde_json::Value {
            let one = |package: &LockedPackage| {
                json!({ "name": package.name, "version": package.version,
                        "architecture": package.architecture, "size": package.size,
                        "sha256": package.sha256, "automatic": package.automatic })
            };
            packages.iter().map(one).collect()
        };
        json!({
            "build-id": self.build_id,
            "epoch": self.lock.epoch,
            "spec": self.spec.to_json(),
            "base": self.lock.base,
            "loader": self.lock.loader,
            "packages": packages(&self.lock.packages),
            "file-packages": packages(&self.lock.file_packages),
            "third-party-packages": packages(&self.lock.third_party_packages),
        })
    }

    /// The plan as text for a person.
    pub fn to_text(&self) -> String {
        let packages = &self.lock.packages;
        let size: u64 = packages.iter().map(|package| package.size).sum();
        let mut text = format!(
            "build      {}\nepoch      {}\n",
            self.build_id, self.lock.epoch.0
        );
        text += &self.spec.to_text();
        text += &format!("{} packages, {size} bytes to fetch\n", packages.len());
        for package in packages {
            text += &format!("  {} {}\n", package.name, package.version);
        }
        text
    }
}

fn hash_package(hasher: &mut Hasher, package: &LockedPackage) {
    hasher.field(package.name.as_bytes());
    hasher.field(package.architecture.as_bytes());
    hasher.field(&package.sha256.0);
    hasher.field(&[u8::from(package.automatic)]);
}
