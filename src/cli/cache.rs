//! `imgbuild cache`: says what the store holds, makes it smaller, and checks it.

use super::args::{CacheAction, CacheArgs, CollectArgs, TalkArgs};
use super::failure::Failure;
use super::progress::{Progress, shown};
use super::terminal::{print_json, print_text, say};
use super::{environment, locks};
use crate::cache::{self, Collected, Contents, Kind, Limits, Verified};
use crate::epoch::{self, Epoch};
use crate::units::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Does what `args` say with the store.
pub(super) fn cache(args: &CacheArgs, talk: TalkArgs) -> Result<(), Failure> {
    let folder = environment::store_folder(args.store.as_deref())?;
    // A lock that cannot be read ends the command before anything is removed.
    let limits = match &args.action {
        Some(CacheAction::Gc(args)) => Some(limits(args)?),
        Some(CacheAction::Verify) | None => None,
    };
    let Some(contents) = Contents::read(&folder)? else {
        say(&format!("there is no store at `{}` yet", folder.display()));
        return match args.json {
            true => Ok(print_json(&json!({ "store": folder, "bytes": 0 }))?),
            false => Ok(()),
        };
    };
    match (&args.action, limits) {
        (Some(CacheAction::Verify), _) => verify(&contents, args.json, talk),
        (_, Some(limits)) => collect(&contents, &limits, args.json, talk),
        (_, None) if args.json => Ok(print_json(&list_json(&contents))?),
        (_, None) => Ok(print_text(&list_text(&contents))?),
    }
}

fn limits(args: &CollectArgs) -> Result<Limits, Failure> {
    let locks = args.keep_lock.iter().map(|path| locks::named(path));
    let now = environment::now().0;
    Ok(Limits {
        max_size: args.max_size,
        used_since: args.older_than.map(|age| Epoch(now.saturating_sub(age.0))),
        keep: locks.collect::<Result<_, _>>()?,
    })
}

/// Makes the store smaller, and prints what was removed.
fn collect(
    contents: &Contents,
    limits: &Limits,
    json: bool,
    talk: TalkArgs,
) -> Result<(), Failure> {
    let mut waited_for = Vec::new();
    let mut waits = |names: &[String]| {
        if !talk.quiet && waited_for != names {
            let text =
                "waiting for a command that does not know yet what it needs of the store: process";
            say(&format!("{text} {}", names.join(", ")));
        }
        waited_for = names.to_vec();
    };
    let collected = cache::collect(contents, limits, &mut waits)?;
    let Collected {
        removed,
        kept,
        before,
        after,
    } = collected;
    if let Some(most) = limits.max_size.filter(|most| after > *most) {
        let (after, most) = (shown(after), shown(most));
        say(&format!(
            "warning: the store takes {after}, which is more than {most}: locks and running commands need the rest"
        ));
    }
    Ok(match json {
        true => print_json(&json!({
            "store": contents.files.root(),
            "removed": removed.objects,
            "removed-bytes": removed.room.0,
            "needed": removed.needed,
            "kept": kept,
            "bytes-before": before.0,
            "bytes": after.0,
        })),
        false => print_text(&format!(
            "removed  {} objects, {}\nkept     {kept} objects for locks\nneeded   {} objects of running \
             commands\nsize     {}\n",
            removed.objects,
            shown(removed.room),
            removed.needed,
            shown(after),
        )),
    }?)
}

/// Checks every object, and prints the damaged ones.
fn verify(contents: &Contents, json: bool, talk: TalkArgs) -> Result<(), Failure> {
    let progress = Progress::new(talk.quiet);
    let verified = cache::verify(contents, &progress)?;
    match json {
        true => print_json(&verified_json(contents.files.root(), &verified)),
        false => print_text(&verified_text(&verified)),
    }?;
    Ok(verified.verdict()?)
}

fn verified_json(store: &Path, verified: &Verified) -> Value {
    let damaged = verified.damaged.iter().map(|damage| {
        let error = damage.removed.as_ref().err().map(ToString::to_string);
        json!({ "digest": damage.digest, "how": damage.how, "removed": error.is_none(), "error": error })
    });
    let damaged: Vec<Value> = damaged.collect();
    json!({
        "store": store,
        "objects": verified.objects,
        "bytes": verified.len.0,
        "damaged": damaged,
    })
}

fn verified_text(verified: &Verified) -> String {
    let mut text = String::new();
    for damage in &verified.damaged {
        let done = match &damage.removed {
            Ok(()) => "removed".to_owned(),
            Err(error) => format!("it cannot be removed: {error}"),
        };
        text += &format!("{}: {}; {done}\n", damage.digest, damage.how);
    }
    let (objects, damaged) = (verified.objects, verified.damaged.len());
    let len = shown(verified.len);
    text + &format!("{objects} objects read, {len}; {damaged} damaged\n")
}

/// The number and room of the objects of each kind.
fn sums(contents: &Contents) -> BTreeMap<Kind, (usize, Bytes)> {
    let kinds = contents.kinds();
    let mut sums: BTreeMap<Kind, (usize, Bytes)> = BTreeMap::new();
    for (digest, object) in &contents.objects {
        let (number, room) = sums.entry(kinds[digest]).or_default();
        *number += 1;
        room.0 += object.found.file.room.0;
    }
    sums
}

fn list_text(contents: &Contents) -> String {
    let sums = sums(contents);
    let files = &contents.files;
    let mut text = format!(
        "{}: {}, {} free on its disk\n\n",
        files.root().display(),
        shown(contents.room()),
        shown(files.free()),
    );
    let mut row = |name: &str, number: usize, room: Bytes| {
        text += &format!("{name:<22}{number:>6}  {:>12}\n", shown(room));
    };
    for kind in Kind::ALL {
        if let Some((number, room)) = sums.get(&kind) {
            row(kind.name(), *number, *room);
        }
    }
    let partials = contents.partials.iter().map(|(_, file)| file.room.0).sum();
    row(
        "unfinished downloads",
        contents.partials.len(),
        Bytes(partials),
    );
    row("memos", contents.memos.len(), contents.room_of_notes());
    if !contents.builds.is_empty() {
        text += &format!(
            "\n{:<16}  {:>12}  {:>12}  build\n",
            "last used", "uses", "alone"
        );
    }
    for (index, build) in contents.builds.iter().enumerate() {
        let (all, alone) = contents.room_of_build(index);
        let used = time(build.file.written);
        let (all, alone) = (shown(all), shown(alone));
        text += &format!("{used:<16}  {all:>12}  {alone:>12}  {}\n", build.label);
    }
    text
}

/// A time in UTC, to the minute.
fn time(time: Epoch) -> String {
    let moment = i64::try_from(time.0).ok().and_then(epoch::moment);
    moment.map_or_else(String::new, |moment| {
        moment.strftime("%F %H:%M").to_string()
    })
}

fn list_json(contents: &Contents) -> Value {
    let (kinds, stages) = (contents.kinds(), contents.stages());
    let label = |index: &usize| &contents.builds[*index].label;
    let objects = contents.objects.iter().map(|(digest, object)| {
        json!({
            "digest": digest,
            "kind": kinds[digest],
            "bytes": object.found.file.room.0,
            "length": object.found.len.0,
            "last-used": object.last_used,
            "stages": stages.get(digest),
            "builds": object.builds.iter().map(label).collect::<Vec<_>>(),
        })
    });
    let builds = contents.builds.iter().enumerate().map(|(index, build)| {
        let (all, alone) = contents.room_of_build(index);
        json!({
            "build": build.label,
            "lock": build.lock,
            "last-used": build.file.written,
            "bytes": all.0,
            "bytes-alone": alone.0,
        })
    });
    let partials = contents.partials.iter();
    let partials = partials.map(|(name, file)| json!({ "name": name, "bytes": file.room.0 }));
    let kinds = sums(contents).into_iter();
    let kinds = kinds
        .map(|(kind, (number, room))| json!({ "kind": kind, "objects": number, "bytes": room.0 }));
    json!({
        "store": contents.files.root(),
        "bytes": contents.room().0,
        "free": contents.files.free().0,
        "kinds": kinds.collect::<Vec<_>>(),
        "memos": { "number": contents.memos.len(), "bytes": contents.room_of_notes().0 },
        "partials": partials.collect::<Vec<_>>(),
        "builds": builds.collect::<Vec<_>>(),
        "objects": objects.collect::<Vec<_>>(),
    })
}
