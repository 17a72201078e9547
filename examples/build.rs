//! Builds an image with the library, as `imgbuild --board BOARD --profile PROFILE` does:
//!
//! ```text
//! cargo run --example build -- BOARD PROFILE MIRROR IMAGE
//! ```
//!
//! Definitions in the working directory win over the shipped ones. The store is the folder `store` there, and the
//! keys in the file `keyring.pgp` there are trusted instead of Debian's.

use imgbuild::apt::keyring::Keyring;
use imgbuild::define::Definitions;
use imgbuild::epoch::Epoch;
use imgbuild::session::{Mirrors, Options, Session};
use imgbuild::sink::Written;
use imgbuild::specification::{self, UserSettings};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    // The sandbox starts this program again, with arguments of its own.
    if let Some(code) = imgbuild::sandbox::reenter(std::env::args_os()) {
        return Ok(code);
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    build(&arguments, Path::new("."), std::env::current_exe()?)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds an image with the definitions and the store in `folder`. The `main` of `program` begins as the one above.
pub(crate) fn build(
    arguments: &[String],
    folder: &Path,
    program: PathBuf,
) -> Result<Written, Box<dyn Error>> {
    let [board, profile, mirror, image] = arguments else {
        return Err("expected BOARD PROFILE MIRROR IMAGE".into());
    };

    // Make the specification from the definitions. The user gives no further settings.
    let definitions = Definitions::find(&[folder.to_owned()]);
    let spec = specification::check(&definitions, board, profile, &UserSettings::default())
        .map_err(|diagnostics| diagnostics.to_string())?;

    // Choose mirror, time and store. The time decides which signatures have expired, but no byte of the image.
    #[expect(clippy::disallowed_methods, reason = "a program may ask for the time")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let (mirrors, now) = (Mirrors::named(mirror)?, Epoch(now.as_secs()));
    let mut options = Options::new(folder.join("store"), mirrors, now, program);
    if let Ok(keys) = fs_err::read(folder.join("keyring.pgp")) {
        options.keyring = Some(Keyring::parse(&keys)?);
    }

    // Build the image. `retried` repeats the steps if an object in the store was damaged.
    let session = Session::open(spec, options)?;
    let written = session.retried(|| {
        let output = session.output(Path::new(image))?;
        let base = session.base(None)?;
        let lock = session.resolve(&base)?;
        let plan = session.plan(lock)?;
        let image = session.build(&plan, &base)?;
        session.write(&plan, &image, output)
    })?;
    Ok(written)
}
