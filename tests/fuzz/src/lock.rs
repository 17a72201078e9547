//! `lock`: the lock of a build, which lies beside definitions and comes with them.
//!
//! Invariant: whatever the text is, reading ends without a panic, in memory of 1 MiB and 256 times the
//! text; what is read is written in a form that is read as the same again.
//!
//! Input: the text of a lock.

use super::limits::within;
use imgbuild::lock::Lock;

pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    within((1 << 20) + text.len() * 256, || match Lock::parse(text) {
        Ok(lock) => {
            let again = Lock::parse(&lock.to_text()).expect("a lock is read again");
            assert_eq!(again, lock);
            let _ = lock.inputs(None).count();
        }
        Err(error) => drop(error.to_string()),
    });
}
