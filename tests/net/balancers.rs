//! Load balancers in network namespaces: the daemons of a built image, with the configuration that
//! imgbuild renders, run as an ordinary user in a network of their own.
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
