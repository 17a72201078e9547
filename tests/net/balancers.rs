//! Load balancers in network namespaces: the daemons of a built image, with the configuration that
//! imgbuild renders, run as an ordinary user in a network of their own. Outages are measured, so `ci/test` runs these
//! tests before the others of the lane.
#![expect(
    clippy::print_stdout,
    reason = "the outages that were measured are shown"
)]

mod balance;
mod failover;
mod lab;
mod matrix;
mod poll;
mod render;
mod servers;
