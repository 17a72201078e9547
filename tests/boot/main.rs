//! The end-to-end lane: images built from Debian's archive by an ordinary user, judged by foreign
//! tools and started in QEMU. It takes minutes and the network, so only `ci/test` runs it:
//! `cargo test --test boot`.
#![expect(clippy::unwrap_used, reason = "what cannot be done fails the test")]
#![expect(
    clippy::disallowed_methods,
    reason = "time-outs need a clock, and a build needs the proxy of the environment"
)]

mod boards;
mod boot_tests;
mod families;
mod identity;
#[path = "../oracles/support.rs"]
mod judge;
mod lab;
mod machine;
#[allow(unused_imports, reason = "the oracles use all of it")]
#[path = "../oracles/mirror/mod.rs"]
mod mirror;
mod qemu_arm64;
mod rpi4;
mod servers;
mod support;
#[allow(dead_code, reason = "the oracles use all of it")]
#[path = "../oracles/uml.rs"]
mod uml;
mod x86_64;
