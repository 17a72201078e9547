//! Fetches inputs into the store and verifies them.
//!
//! A file whose digest is known comes through [`Client::download`] and is visible in the store only
//! if it has that digest. A small file without a known digest (a signed index) comes through
//! [`Client::get`], and a large one (a base image) through [`Client::download_unverified`]; the
//! caller must verify both.

mod client;
mod download;
mod error;
mod pace;
mod partial;
mod proxy;
mod transfer;
mod unverified;
mod url;

pub use client::{Client, Network, Options};
pub use download::Download;
pub use error::FetchError;
pub use pace::Pace;
pub use proxy::Proxies;
pub use unverified::{Downloaded, UnverifiedDownload};
pub use url::{BadUrl, Url};
