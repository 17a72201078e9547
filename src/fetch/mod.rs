//! Inputs over the network, into the store, verified.
//!
//! What is named by its digest comes through [`Client::download`] and is visible only when it has
//! that digest; what is not (signed indices) comes through [`Client::get`], and what is large (base
//! images) through [`Client::arrive`]: who asks verifies it.

mod client;
mod download;
mod error;
mod pace;
mod partial;
mod proxy;
mod unverified;
mod url;

pub use client::{Client, Network, Options};
pub use download::Download;
pub use error::FetchError;
pub use pace::Pace;
pub use proxy::Proxies;
pub use unverified::{Downloaded, UnverifiedDownload};
pub use url::{BadUrl, Url};
