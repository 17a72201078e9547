//! The raw copy of an image in qcow2, which qemu-img makes.
//!
//! Who made the image decides how long this takes and how much it writes: all clusters of a disk may be the same one of
//! a small file. So qemu-img is watched, and it ends with this process.

use super::disk::{MachineDiskError, absolute};
use crate::base::source::unpack::{RESERVE, most};
use crate::store::Store;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The pause between two looks at the copy.
const PAUSE: Duration = Duration::from_millis(20);
/// The most bytes of qemu-img's words that an error shows.
const MAX_WORDS: u64 = 4096;
/// The unit of the number of blocks of a file (stat(2)).
const STAT_BLOCK: u64 = 512;

/// A raw copy.
pub(super) struct Converted {
    /// Its file.
    pub(super) path: PathBuf,
    /// The time that it took to make it.
    pub(super) took: Duration,
}

/// The program that makes a copy. It is ended when this value is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both calls fail if the program has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Makes a raw disk of the `image` in qcow2 in `folder`, which lies in the scratch space of `store`, by the program
/// `qemu_img`. What is zero takes no room.
///
/// # Errors
/// qemu-img fails or takes longer than `patience`, or the copy takes too much room.
pub(super) fn convert(
    qemu_img: &Path,
    image: &Path,
    folder: &Path,
    store: &Store,
    patience: Duration,
) -> Result<Converted, MachineDiskError> {
    let image = absolute(image)?;
    let file = fs_err::metadata(&image).map_err(MachineDiskError::Read)?;
    let most = most(file.len());
    let (path, words) = (folder.join("image"), folder.join("words"));
    let stderr = fs_err::File::create(&words).map_err(MachineDiskError::Start)?;
    // The kernel ends qemu-img if this process is killed.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(qemu_img);
    command.args(["convert", "-q", "-f", "qcow2", "-O", "raw"]);
    command.arg(&image).arg(&path);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(stderr.into_parts().0);
    let began = now();
    let mut running = Running(command.spawn().map_err(MachineDiskError::Start)?);
    let status = watched(&mut running, || {
        let room = fs_err::symlink_metadata(&path).map_or(0, |it| it.blocks() * STAT_BLOCK);
        if began.elapsed() > patience {
            Err(MachineDiskError::Late(patience.as_secs()))
        } else if room > most {
            Err(MachineDiskError::Swells(most))
        } else if store.free().0 < RESERVE {
            Err(MachineDiskError::NoRoom)
        } else {
            Ok(())
        }
    })?;
    let took = began.elapsed();
    match status.success() {
        true => Ok(Converted { path, took }),
        false => Err(MachineDiskError::Convert(text(&words))),
    }
}

/// Waits until the program ends by itself, as long as `look` finds nothing wrong.
fn watched(
    running: &mut Running,
    look: impl Fn() -> Result<(), MachineDiskError>,
) -> Result<ExitStatus, MachineDiskError> {
    loop {
        let ended = running.0.try_wait().map_err(MachineDiskError::Start)?;
        if let Some(status) = ended {
            return Ok(status);
        }
        look()?;
        std::thread::sleep(PAUSE);
    }
}

/// What qemu-img wrote into the file `words`.
fn text(words: &Path) -> String {
    let mut bytes = Vec::new();
    let read =
        fs_err::File::open(words).and_then(|file| file.take(MAX_WORDS).read_to_end(&mut bytes));
    match read {
        Ok(_) => String::from_utf8_lossy(&bytes).trim().to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Reads the clock. The time that a copy takes decides no byte of an image.
#[expect(clippy::disallowed_methods, reason = "a copy is given up in time")]
fn now() -> Instant {
    Instant::now()
}
