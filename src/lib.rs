//! Builds ready-to-flash disk images for single-board computers and x86 machines, without root.
//!
//! A *board* says what a hardware target needs, a *profile* says what the device does, and *overlays* bring its files.
//! From these, from packages of signed Debian archives, and perhaps from an image that somebody else made, the library
//! makes one disk image. The same inputs give the same bytes, and nothing on the building machine is mounted or changed.
//!
//! # Example
//!
//! A [`Session`](session::Session) takes the steps from a specification to an image. `examples/build.rs` is a longer form
//! of this program:
//!
//! ```no_run
//! use imgbuild::define::Definitions;
//! use imgbuild::epoch::Epoch;
//! use imgbuild::session::{Mirrors, Options, Session};
//! use imgbuild::specification::{self, UserSettings};
//! use std::path::{Path, PathBuf};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // The sandbox starts this program again, with arguments of its own.
//!     if imgbuild::sandbox::reenter(std::env::args_os()).is_some() {
//!         return Ok(());
//!     }
//!     let definitions = Definitions::find(&[]);
//!     let spec = specification::check(&definitions, "rpi4", "tor-hotspot", &UserSettings::default())
//!         .map_err(|diagnostics| diagnostics.to_string())?;
//!
//!     let mirrors = Mirrors::named("https://mirror.example.org/debian")?;
//!     let now = Epoch(1_800_000_000);
//!     let store = PathBuf::from("store");
//!     let session = Session::open(spec, Options::new(store, mirrors, now, std::env::current_exe()?))?;
//!     session.retried(|| {
//!         let output = session.output(Path::new("tor.img"))?;
//!         let base = session.base(None)?;
//!         let plan = session.plan(session.resolve(&base)?)?;
//!         let image = session.build(&plan, &base)?;
//!         session.write(&plan, &image, output)
//!     })?;
//!     Ok(())
//! }
//! ```
//!
//! # The line of values
//!
//! ```text
//! Definitions → Spec → Base → Lock → Plan → Root → Disk → Image → Sinks
//!  as written  meant  begins pinned  +ids   tree   parts  regions
//! ```
//!
//! Each value is made from the one before it, and no later value can be made without the earlier one. `DESIGN.md` beside
//! this file is the contract between them.
//!
//! # Modules
//!
//! These modules hold what the user wants:
//!
//! - [`define`] parses boards, profiles and overlays, and keeps the place of every word.
//! - [`specification`] applies defaults, merges profiles, and checks every setting.
//! - [`template`] parses and renders the templates of overlays.
//! - [`diag`] holds the mistakes in a person's files and flags, with place and help.
//!
//! These modules pin the inputs and identifiers of an image:
//!
//! - [`resolve`] chooses every package and every other input of a build.
//! - [`lock`] holds these inputs by name, version, size and digest.
//! - [`plan`] adds every identifier of the image, derived from specification and lock.
//! - [`seed`] and [`epoch`] replace randomness and the clock.
//!
//! These modules get the inputs:
//!
//! - [`fetch`] downloads inputs and verifies them.
//! - [`store`] keeps them, and the results of finished stages, by their digests.
//! - [`apt`] reads sources, signed releases and indices, and chooses packages as apt does.
//! - [`dpkg`] reads packages, unpacks them, and writes dpkg's database.
//! - [`base`] opens images that somebody else made.
//!
//! These modules make the image:
//!
//! - [`tree`] is a root filesystem as a value, with owners, modes and extended attributes.
//! - [`configure`] runs the maintainer scripts of packages in the [`sandbox`].
//! - [`compose`] adds overlays, units, accounts and the identity of the device.
//! - [`boot`] adds what a board needs to find its kernel.
//! - [`verify`] has the image's own programs check their files.
//! - [`layout`] decides where every table, blob and partition lies.
//! - [`fs`] reads and writes ext4 and FAT.
//! - [`disk`] is the image, as ordered regions, with its partition table.
//! - [`inventory`] lists what an image is made of.
//! - [`pipeline`] does all of this, from a plan to an image.
//! - [`sink`] writes the image, which appears whole or not at all.
//! - [`rebuild`] compares a published image with the one that the same inputs give.
//! - [`release`] writes what is published with an image: lists of its components, checksums, signatures.
//!
//! These modules are for callers of the library:
//!
//! - [`session`] is the front end as a library.
//! - [`boot_test`] starts an image in [`qemu`] and runs the checks of its profile.
//! - [`cache`] says what a store holds, makes it smaller and checks it.
//! - [`inspect`] says what an image is, and reads its files.
//! - [`diff`] says what differs between two images, or two locks.
//! - [`cli`] is the command; it alone knows arguments, environment, clock and terminal.
//! - [`event`] has the events that a build reports while it runs.
//!
//! The other modules use these helpers:
//!
//! - [`address`] removes logins from addresses, and checks paths that are appended to them.
//! - [`architecture`] has the CPU architectures that images are built for and on.
//! - [`configuration`] reads the configuration file of a user.
//! - [`digest`] makes the SHA-256 digests by which everything is named that is fetched, stored or memoized.
//! - `glob` matches the wildcards of a shell.
//! - [`listing`] lists folders in byte order of the names.
//! - `parallel` works on several items at once.
//! - `per_device` names the files that each device makes for itself.
//! - [`removal`] removes a folder with everything in it.
//! - [`unfinished`] has files and folders that are recognized as abandoned when their owner has ended.
//! - [`units`] has bytes and sectors as types.

pub mod address;
pub mod architecture;
pub mod configuration;
pub mod digest;
pub mod epoch;
pub mod event;
mod glob;
pub mod listing;
mod parallel;
mod per_device;
pub mod removal;
pub mod seed;
pub mod unfinished;
pub mod units;

pub mod disk;
pub mod store;
pub mod tree;

pub mod define;
pub mod diag;
pub mod lock;
pub mod plan;
pub mod specification;
pub mod template;

pub mod apt;
pub mod base;
pub mod boot;
pub mod compose;
pub mod configure;
pub mod dpkg;
pub mod fetch;
pub mod fs;
pub mod inventory;
pub mod layout;
pub mod pipeline;
pub mod rebuild;
pub mod release;
pub mod resolve;
pub mod sandbox;
pub mod sink;
pub mod verify;

pub mod boot_test;
pub mod cache;
pub mod diff;
pub mod inspect;
pub mod qemu;
pub mod session;

pub mod cli;
