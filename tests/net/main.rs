//! The lane of networks: what the profiles promise, asked from outside of a device.
//!
//! Images of x86-64 are built as a user would, and their files become the roots of network namespaces
//! with clients, an internet and a Tor network of their own: Linux's network, at full speed, without a
//! virtual machine and without any privilege. What must not happen is also made to happen, by a control
//! without the guard, so that no test passes for want of eyes. `cargo test --test net`.
//!
//! Radios and systemd itself are not here: the lane `boot` has them.
#![expect(clippy::unwrap_used, reason = "what cannot be done fails the test")]
#![expect(
    clippy::disallowed_methods,
    reason = "time-outs need a clock, and a build needs the proxy of the environment"
)]

#[path = "../boot/tor/attempt.rs"]
mod attempt;
mod exits;
mod image;
#[path = "../oracles/support.rs"]
mod judge;
mod lab;
mod programs;
mod refusals;
mod relays;
#[path = "../boot/support.rs"]
mod support;
mod tor_hotspot;
mod tor_network;
mod wifi_hotspot;
