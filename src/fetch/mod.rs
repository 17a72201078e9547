//! Inputs over the network, into the store, verified.
