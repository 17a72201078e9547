//! `openpgp`: keyrings, and signed text that a key of Debian's claims to have signed.
//!
//! Invariant: whatever the bytes are, reading ends without a panic and within 256 times their length
//! and 4 MiB of memory; nothing that the fuzzer makes is a valid signature by Debian.

use super::limits::within;
use imgbuild::apt::keyring::Keyring;
use imgbuild::epoch::Epoch;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::sync::OnceLock;

pub fn run(input: &[u8]) {
    static DEBIAN: OnceLock<Keyring> = OnceLock::new();
    let debian = DEBIAN.get_or_init(Keyring::debian);
    // If backtraces are enabled, errors of the OpenPGP crate have one, which takes much time and memory.
    let traced = Backtrace::capture().status() == BacktraceStatus::Captured;
    let memory = input.len() * 256 + if traced { 256 << 20 } else { 4 << 20 };
    let _ = within(memory, || Keyring::parse(input));
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = within(memory, || debian.verify(text, Epoch(1_760_000_000)));
    }
}
