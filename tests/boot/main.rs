//! The end-to-end lane: images built from Debian's archive by an ordinary user, checked by foreign
//! tools and started in QEMU. It takes minutes and the network, so only `ci/test` runs it:
//! `cargo test --test boot`.
#![expect(clippy::unwrap_used, reason = "a failing helper fails the test")]
#![expect(
    clippy::disallowed_methods,
    reason = "time-outs need a clock, and a build needs the proxy of the environment"
)]

#[path = "../fixture/apt.rs"]
mod apt;
mod boards;
mod boot_tests;
#[path = "../fixture/command.rs"]
mod command;
mod families;
mod identity;
mod lab;
#[path = "../fixture/machine.rs"]
mod machine;
#[path = "../fixture/mirror/mod.rs"]
mod mirror;
mod qemu_arm64;
mod rpi4;
mod servers;
#[path = "../fixture/support.rs"]
mod support;
#[path = "../fixture/uml.rs"]
mod uml;
mod x86_64;
