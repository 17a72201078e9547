//! The regions of an image, which are what a sink copies.

use imgbuild::define::Definitions;
use imgbuild::disk::image::{Image, Source};
use imgbuild::fetch::Network;
use imgbuild::lock::Lock;
use imgbuild::session::{Mirrors, Options, Session};
use imgbuild::specification::{self, UserSettings};
use std::collections::BTreeSet;
use std::path::Path;

/// Counts the regions of the image of a board, a profile and the lock of these. The store has everything that a
/// build needs.
pub(super) fn count(board: &str, profile: &str, lock: &Path, store: &Path) -> String {
    let definitions = Definitions::find(&[]);
    let settings = UserSettings::default();
    let spec = specification::check(&definitions, board, profile, &settings);
    let spec = spec.unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let lock = Lock::parse(&fs_err::read_to_string(lock).unwrap()).unwrap();
    let (store, program) = (store.to_owned(), std::env::current_exe().unwrap());
    // Nothing is fetched from it.
    let mirrors = Mirrors::named("https://deb.example/debian").unwrap();
    let options = Options {
        network: Network::Offline,
        ..Options::new(store, mirrors, lock.epoch, program)
    };
    let session = Session::open(spec, options).unwrap();
    let base = session.base(Some(&lock)).unwrap();
    let plan = session.plan(lock).unwrap();
    describe(&session.build(&plan, &base).unwrap())
}

fn describe(image: &Image) -> String {
    let objects: BTreeSet<_> = image.objects().collect();
    let count = |wanted: fn(&Source) -> bool| {
        let regions = image.regions().iter();
        regions.filter(|region| wanted(&region.source)).count()
    };
    format!(
        "{} regions: {} slices of {} objects, {} of bytes in memory, {} of zeros, {} free",
        image.regions().len(),
        image.objects().count(),
        objects.len(),
        count(|source| matches!(source, Source::Bytes(_))),
        count(|source| *source == Source::Zeros),
        count(|source| *source == Source::Free),
    )
}
