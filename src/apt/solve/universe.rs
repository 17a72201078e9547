//! All packages that can be installed: those of several repositories, indexed by their names and by
//! the names that they provide.

use crate::apt::index::{Index, IndexError, Package, Text};
use crate::apt::preferences::{self, Archive, Candidate, Preferences};
use crate::architecture::Architecture;
use crate::dpkg::relation::{self, Relation};
use crate::dpkg::version;
use std::sync::Arc;

/// A package of a [`Universe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PackageId(pub(super) u32);

/// A name that a package provides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Provided {
    pub(super) package: PackageId,
    /// The offset of the name in the `Provides` of the package.
    start: u32,
}

/// The packages of all repositories, for one architecture.
#[derive(Clone, Debug)]
pub struct Universe {
    indices: Vec<Index>,
    architecture: Architecture,
    /// The index of each package, and its position in that index.
    packages: Vec<(u32, u32)>,
    /// All packages by name. Of one name, the preferred package comes first.
    by_name: Vec<PackageId>,
    /// Sorted by provided name, then by package.
    provided: Vec<Provided>,
    /// The pin priority of each package.
    priorities: Vec<i32>,
    /// The preferences by which the priorities were decided.
    preferences: Preferences,
    /// The archive of each index.
    archives: Vec<Archive>,
}

impl Universe {
    /// Reads the `Packages` texts, each with the name of its repository. A repository may have
    /// several. If two repositories have the same version, the first one is used.
    ///
    /// # Errors
    ///
    /// A text is malformed.
    pub fn new(
        texts: Vec<(String, Arc<str>)>,
        architecture: Architecture,
    ) -> Result<Self, IndexError> {
        let read = |(name, text): (String, Arc<str>)| Index::packages(&name, text, architecture);
        let indices = texts.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut packages = Vec::new();
        for (index, content) in indices.iter().enumerate() {
            packages.extend((0..content.len()).map(|n| (number(index), number(n))));
        }
        let ids = (0..number(packages.len())).map(PackageId);
        let mut universe = Self {
            indices,
            architecture,
            by_name: ids.collect(),
            priorities: vec![preferences::USUAL; packages.len()],
            preferences: Preferences::default(),
            archives: Vec::new(),
            packages,
            provided: Vec::new(),
        };
        universe.provided = universe.all_provided();
        universe.sort_names();
        Ok(universe)
    }

    /// Takes packages from `repositories` only if they are requested from there, or if such a
    /// package needs them and no other repository has them, as apt does for `NotAutomatic: yes`.
    #[must_use]
    pub fn not_automatic(mut self, repositories: &[&str]) -> Self {
        for n in 0..self.packages.len() {
            if repositories.contains(&self.package(PackageId(number(n))).repository()) {
                self.priorities[n] = preferences::NOT_AUTOMATIC;
            }
        }
        self.sort_names();
        self
    }

    /// Prefers versions by `preferences`; `archives` are those of the texts, in the same order.
    #[must_use]
    pub fn preferring(mut self, preferences: Preferences, archives: Vec<Archive>) -> Self {
        let mut priorities = self.priorities.clone();
        // To apt, packages of the same name and version are one package, whatever archives have it.
        let same = |a: &PackageId, b: &PackageId| {
            let (a, b) = (self.package(*a), self.package(*b));
            a.name() == b.name() && version::compare(a.version(), b.version()).is_eq()
        };
        for ids in self.by_name.chunk_by(same) {
            let sources = self.sources(ids, &archives);
            let priority = preferences.of(candidate(self.package(ids[0]), &sources));
            ids.iter()
                .for_each(|id| priorities[id.0 as usize] = priority);
        }
        self.priorities = priorities;
        self.preferences = preferences;
        self.archives = archives;
        self.sort_names();
        self
    }

    /// The archives of the packages `ids`.
    fn sources<'a>(&self, ids: &[PackageId], archives: &'a [Archive]) -> Vec<&'a Archive> {
        let indices = ids.iter().map(|id| self.packages[id.0 as usize].0 as usize);
        indices.filter_map(|index| archives.get(index)).collect()
    }

    /// The pin priority of a package.
    pub(super) fn priority(&self, id: PackageId) -> i32 {
        self.priorities[id.0 as usize]
    }

    /// The pin priority of the installed `package`.
    pub(super) fn priority_of_installed(&self, package: Package<'_>) -> i32 {
        let same = |id: &PackageId| {
            let other = self.package(*id);
            version::compare(other.version(), package.version()).is_eq()
        };
        let ids = self.ids_named(package.name()).iter().copied();
        let ids: Vec<PackageId> = ids.filter(same).collect();
        let status = Archive::installed();
        let mut sources = self.sources(&ids, &self.archives);
        sources.push(&status);
        self.preferences.of(candidate(package, &sources))
    }

    /// The architecture of its packages.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The number of packages.
    pub fn len(&self) -> usize {
        self.packages.len()
    }

    /// Whether there is no package.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    /// The packages of that name, the preferred one first, then by falling version.
    pub fn named<'a>(&'a self, name: &str) -> impl Iterator<Item = Package<'a>> + use<'a> {
        self.ids_named(name).iter().map(|id| self.package(*id))
    }

    /// Every package, in the order of repositories and their texts.
    pub fn packages(&self) -> impl Iterator<Item = Package<'_>> {
        let ids = 0..self.packages.len();
        ids.map(|n| self.package(PackageId(number(n))))
    }

    /// The preferred package of every name, sorted by name.
    pub(super) fn first_of_each_name(&self) -> impl Iterator<Item = PackageId> {
        let name = |id: &PackageId| self.package(*id).name();
        let groups = self.by_name.chunk_by(move |a, b| name(a) == name(b));
        groups.filter_map(|group| group.first().copied())
    }

    pub(super) fn package(&self, id: PackageId) -> Package<'_> {
        let (index, position) = self.packages[id.0 as usize];
        let found = self.indices[index as usize].get(position as usize);
        found.expect("ids are made for existing packages")
    }

    pub(super) fn ids_named(&self, name: &str) -> &[PackageId] {
        let start = self
            .by_name
            .partition_point(|id| self.package(*id).name() < name);
        let rest = &self.by_name[start..];
        let end = rest.iter().position(|id| self.package(*id).name() != name);
        &rest[..end.unwrap_or(rest.len())]
    }

    /// The packages that provide `name`, each with the version of the provided name.
    pub(super) fn providers<'a>(
        &'a self,
        name: &str,
    ) -> impl Iterator<Item = (PackageId, Option<&'a str>)> {
        let name = name.to_owned();
        let before = |provided: &Provided| self.relation(*provided).name < name.as_str();
        let start = self.provided.partition_point(before);
        let rest = self.provided[start..].iter();
        rest.map(|provided| (provided.package, self.relation(*provided)))
            .take_while(move |(_, relation)| relation.name == name)
            .map(|(package, relation)| (package, relation.constraint.map(|c| c.version)))
    }

    fn relation(&self, provided: Provided) -> Relation<'_> {
        let text = self.package(provided.package).text(Text::Provides);
        let rest = &text[provided.start as usize..];
        let end = rest.find(',').unwrap_or(rest.len());
        relation::parse_one(&rest[..end]).expect("the index checked the field")
    }

    fn all_provided(&self) -> Vec<Provided> {
        let mut all = Vec::new();
        for (n, package) in self.packages().enumerate() {
            let package = (number(n), package.text(Text::Provides));
            let parts = package
                .1
                .split(',')
                .filter(|part| !part.trim_ascii().is_empty());
            all.extend(parts.map(|part| Provided {
                package: PackageId(package.0),
                start: number(part.as_ptr().addr() - package.1.as_ptr().addr()),
            }));
        }
        all.sort_by_cached_key(|provided| self.relation(*provided).name);
        all
    }

    fn sort_names(&mut self) {
        let mut ids = std::mem::take(&mut self.by_name);
        ids.sort_by(|a, b| {
            let (first, second) = (self.package(*a), self.package(*b));
            first.name().cmp(second.name()).then_with(|| {
                let versions = version::compare(first.version(), second.version()).reverse();
                let order = self.priority(*a).cmp(&self.priority(*b)).reverse();
                order.then(versions).then(a.cmp(b))
            })
        });
        self.by_name = ids;
    }
}

fn candidate<'a>(package: Package<'a>, archives: &'a [&'a Archive]) -> Candidate<'a> {
    Candidate {
        name: package.name(),
        source: package.source().0,
        architecture: package.architecture(),
        version: package.version(),
        archives,
    }
}

/// Converts a number of packages, or an offset in a field; both are below the length of a text.
fn number(n: usize) -> u32 {
    u32::try_from(n).expect("the index refused texts of 4 GiB")
}
