//! Load balancers in network namespaces: the daemons of a built image with the configuration that
//! imgbuild renders, in a network of their own, as an ordinary user.
//!
//! Builds one image from Debian's archive, so only `ci/test net` runs it: `cargo test --test net_haproxy`.
#![expect(clippy::unwrap_used, reason = "what cannot be done fails the test")]
#![expect(clippy::print_stdout, reason = "outages that were measured are shown")]
#![expect(
    clippy::disallowed_methods,
    reason = "time-outs need a clock, and a build needs the proxy of the environment"
)]

mod balance;
mod failover;
mod image;
mod lab;
mod matrix;
mod poll;
#[path = "../net/programs.rs"]
mod programs;
mod render;
mod servers;

#[path = "../oracles/support.rs"]
mod judge;
#[path = "../boot/support.rs"]
mod support;
