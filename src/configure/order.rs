//! The order in which the preinst scripts of unpacked packages run and the packages are configured.
//!
//! Debian's policy guarantees two things to a preinst: the Essential packages (3.8) and the
//! packages in its `Pre-Depends` (7.2) are *configured*. So, as in debootstrap and mmdebstrap, the
//! Essential packages and their dependencies come first, and then each preinst whose `Pre-Depends`
//! are configured. The packages for which other preinsts wait are configured in between. All others
//! are left to one last `dpkg --configure -a`, because each start of dpkg takes time.

use super::package::Package;
use crate::dpkg::status::State;
use std::collections::{BTreeMap, BTreeSet};

/// A phase, in which several packages are handled at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase<'a> {
    /// The preinst of each package runs, in this order.
    Prepare(Vec<&'a Package>),
    /// dpkg configures the packages, whose dependencies are all configured before or among them.
    Configure(Vec<&'a Package>),
}

/// The phases that come before `dpkg --configure -a`.
pub(super) fn phases(packages: &[Package]) -> Vec<Phase<'_>> {
    let mut order = Order::new(packages);
    let essential = order.sequence.iter().filter(|package| package.essential);
    let essential = order.closure(essential.copied());
    order.prepare(|package| essential.contains(&*package.name));
    order.configure(&essential);
    loop {
        let waiting = order.waiting();
        let names: BTreeSet<&str> = waiting.iter().map(|package| &*package.name).collect();
        order.prepare(|package| !names.contains(&*package.name));
        let Some(first) = waiting.first() else { break };
        let next = order.awaited(&waiting);
        if next.is_empty() {
            // The packages depend on each other in a circle, so one of them has to begin.
            order.prepare(|package| package.name == first.name);
        }
        order.configure(&next);
    }
    order.phases
}

/// An order that is being made.
struct Order<'a> {
    /// The unpacked packages by their names and the names that they provide.
    by_name: BTreeMap<&'a str, Vec<&'a Package>>,
    /// All unpacked packages, each after its dependencies as far as circles allow.
    sequence: Vec<&'a Package>,
    prepared: BTreeSet<&'a str>,
    configured: BTreeSet<&'a str>,
    phases: Vec<Phase<'a>>,
}

impl<'a> Order<'a> {
    fn new(packages: &'a [Package]) -> Self {
        let mut by_name: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
        let unpacked = packages.iter().filter(|it| it.state == State::Unpacked);
        for package in unpacked.clone() {
            let names = std::iter::once(&package.name).chain(&package.provides);
            names.for_each(|name| by_name.entry(name).or_default().push(package));
        }
        let mut order = Self {
            by_name,
            sequence: Vec::new(),
            prepared: BTreeSet::new(),
            configured: BTreeSet::new(),
            phases: Vec::new(),
        };
        let mut unpacked: Vec<&Package> = unpacked.collect();
        // Every other script may rely on the users that base-passwd makes, whose own preinst
        // depends on nothing.
        unpacked.sort_by_key(|package| (package.name != "base-passwd", &package.name));
        let mut seen = BTreeSet::new();
        for package in unpacked {
            order.visit(package, &mut seen);
        }
        order
    }

    /// Appends `package` to the sequence, after its dependencies.
    fn visit(&mut self, package: &'a Package, seen: &mut BTreeSet<&'a str>) {
        // The packages on the way down, each with the dependencies that are still to be visited.
        let mut stack = Vec::new();
        if seen.insert(&package.name) {
            let needs = match package.name.as_str() {
                "base-passwd" => Vec::new(),
                _ => self.needs(package),
            };
            stack.push((package, needs.into_iter()));
        }
        while let Some((package, mut needs)) = stack.pop() {
            let Some(need) = needs.next() else {
                self.sequence.push(package);
                continue;
            };
            stack.push((package, needs));
            if seen.insert(&need.name) {
                stack.push((need, self.needs(need).into_iter()));
            }
        }
    }

    /// The unpacked packages on which `package` depends, by `Depends` or `Pre-Depends`.
    fn needs(&self, package: &'a Package) -> Vec<&'a Package> {
        let both = package.pre_depends.iter().chain(&package.depends);
        self.named(both).collect()
    }

    fn named<'b>(
        &'b self,
        names: impl Iterator<Item = &'b String> + 'b,
    ) -> impl Iterator<Item = &'a Package> + 'b {
        names
            .filter_map(|name| self.by_name.get(&**name))
            .flatten()
            .copied()
    }

    /// `packages`, and all packages that must be configured for them.
    fn closure(&self, packages: impl Iterator<Item = &'a Package>) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut queue: Vec<&Package> = packages.collect();
        while let Some(package) = queue.pop() {
            if !self.configured.contains(&*package.name) && found.insert(&*package.name) {
                queue.extend(self.needs(package));
            }
        }
        found
    }

    /// The packages whose preinst has to wait for others to be configured.
    fn waiting(&self) -> Vec<&'a Package> {
        let waits = |package: &&&Package| {
            let mut needs = self.named(package.pre_depends.iter());
            package.has_preinst
                && !self.prepared.contains(&*package.name)
                && needs.any(|need| !self.configured.contains(&*need.name))
        };
        self.sequence.iter().filter(waits).copied().collect()
    }

    /// The packages for which `waiting` wait, as far as they can be configured now.
    fn awaited(&self, waiting: &[&'a Package]) -> BTreeSet<&'a str> {
        let needs = waiting
            .iter()
            .flat_map(|package| self.named(package.pre_depends.iter()));
        let closures = needs.map(|need| self.closure(std::iter::once(need)));
        closures
            .filter(|closure| closure.is_subset(&self.prepared))
            .flatten()
            .collect()
    }

    fn prepare(&mut self, wanted: impl Fn(&Package) -> bool) {
        let new = |package: &&&Package| !self.prepared.contains(&*package.name) && wanted(package);
        let packages: Vec<&Package> = self.sequence.iter().filter(new).copied().collect();
        self.prepared.extend(packages.iter().map(|it| &*it.name));
        if !packages.is_empty() {
            self.phases.push(Phase::Prepare(packages));
        }
    }

    fn configure(&mut self, names: &BTreeSet<&'a str>) {
        let wanted = |package: &&&Package| names.contains(&*package.name);
        let packages: Vec<&Package> = self.sequence.iter().filter(wanted).copied().collect();
        self.configured.extend(names);
        if !packages.is_empty() {
            self.phases.push(Phase::Configure(packages));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configure::package::described;
    use crate::dpkg::control;

    fn stanza(name: &str, fields: &str) -> Package {
        let text = format!("Package: {name}\nArchitecture: amd64\n{fields}\n");
        let stanza = control::parse(&text).next().unwrap().unwrap();
        let mut package = described(&stanza, State::Unpacked).unwrap();
        package.has_preinst = true;
        package
    }

    fn depends(name: &str, needs: &str) -> Package {
        stanza(name, &format!("Depends: {needs}"))
    }

    fn order(packages: &[Package]) -> Vec<&str> {
        let order = Order::new(packages).sequence;
        order.iter().map(|package| package.name.as_str()).collect()
    }

    /// Compares the phases in a short form: `+` stands before packages that are prepared, `=`
    /// before configured ones.
    fn check(packages: &[Package], expected: &[&str]) {
        let words = |sign: &str, packages: &[&Package]| {
            let names: Vec<&str> = packages.iter().map(|it| &*it.name).collect();
            format!("{sign} {}", names.join(" "))
        };
        let found: Vec<String> = phases(packages)
            .iter()
            .map(|phase| match phase {
                Phase::Prepare(packages) => words("+", packages),
                Phase::Configure(packages) => words("=", packages),
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_needed_comes_first() {
        let packages = [
            depends("a", "c (>= 1) | d, b:any, virtual"),
            depends("b", ""),
            depends("base-passwd", "c"),
            depends("c", "missing"),
            depends("d", ""),
            stanza("y", "Provides: virtual (= 1), other"),
            depends("z", ""),
        ];
        let expected = ["base-passwd", "c", "d", "b", "y", "a", "z"];
        assert_eq!(order(&packages), expected);
    }

    #[test]
    fn a_circle_ends() {
        let packages = [depends("a", "b"), depends("b", "a")];
        assert_eq!(order(&packages), ["b", "a"]);
        let packages = [
            stanza("a", "Pre-Depends: b"),
            stanza("b", "Pre-Depends: a"),
            stanza("c", ""),
        ];
        check(&packages, &["+ c", "+ b", "+ a"]);
    }

    #[test]
    fn what_is_configured_already_has_no_preinst_to_run() {
        let mut installed = depends("a", "");
        installed.state = State::Installed;
        assert!(order(&[installed]).is_empty());
    }

    #[test]
    fn essential_packages_and_what_they_depend_on_are_configured_first() {
        let packages = [
            depends("a", ""),
            stanza("bash", "Essential: yes\nDepends: libc"),
            depends("libc", ""),
        ];
        check(&packages, &["+ libc bash", "= libc bash", "+ a"]);
    }

    #[test]
    fn a_preinst_waits_for_its_pre_depends_and_nothing_else_does() {
        let packages = [
            stanza("adduser", "Depends: passwd"),
            stanza("mariadb", "Pre-Depends: adduser, mysql-common\nDepends: z"),
            stanza("mysql-common", ""),
            stanza("passwd", ""),
            stanza("top", "Pre-Depends: mariadb"),
            stanza("z", ""),
        ];
        let expected = [
            "+ passwd adduser mysql-common z",
            "= passwd adduser mysql-common",
            "+ mariadb",
            "= z mariadb",
            "+ top",
        ];
        check(&packages, &expected);
    }

    #[test]
    fn a_package_without_preinst_waits_for_nothing() {
        let mut plain = stanza("a", "Pre-Depends: b");
        plain.has_preinst = false;
        let packages = [plain, stanza("b", "")];
        check(&packages, &["+ b a"]);
    }
}
