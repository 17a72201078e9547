//! The lane of networks: clients and servers outside of a device check what the profiles promise.
//!
//! Images of x86-64 are built as a user would, and their files become the roots of network namespaces with
//! clients, an internet and a Tor network of their own: Linux's network, at full speed, without a virtual
//! machine and without any privilege. A control without the guard shows that a test would see what must not
//! happen. `cargo test --test net`.
//!
//! Radios and systemd itself are not tested here, but in the lane `boot`.
#![expect(clippy::unwrap_used, reason = "a failing helper fails the test")]
#![expect(
    clippy::disallowed_methods,
    reason = "time-outs need a clock, and a build needs the proxy of the environment"
)]

#[path = "../boot/tor/attempt.rs"]
mod attempt;
mod balancers;
#[path = "../fixture/command.rs"]
mod command;
mod exits;
mod image;
mod lab;
mod programs;
mod refusals;
mod relays;
#[path = "../fixture/render.rs"]
mod render;
#[path = "../fixture/support.rs"]
mod support;
mod tor_hotspot;
mod tor_network;
mod wifi_hotspot;
