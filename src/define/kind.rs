//! The kinds of settings: what a value of each kind looks like, and how text becomes one.

mod host;
mod pem;
mod server;
pub(crate) mod ssh_key;
mod text;
mod tor;
mod value;

pub(crate) use host::prefixed;
pub use text::Network;
pub(crate) use text::{countries, is_psk};
pub use value::Value;

use super::read::Raw;
use crate::units::Bytes;
use host::{
    is_bind, is_domain, is_host, is_hostname, is_machine, is_network, is_prefixed, is_remote_host,
};
use std::net::Ipv4Addr;
use text::{
    is_country, is_interface, is_locale, is_name, is_private_cidr, is_statuses, is_time,
    is_time_zone, is_url_path, is_username, meant_locale, seconds,
};

/// What a setting's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any line of text.
    String,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// One of the words in `values`.
    Enum,
    /// Several values; `items` says of which kind.
    List,
    /// Named values; `fields` says which.
    Table,
    /// A TCP or UDP port that the device listens on.
    Port,
    /// The IP address of another machine.
    Address,
    /// The IPv4 address of another machine.
    Ipv4Address,
    /// An address that the device listens on, or `*` for all.
    Bind,
    /// An address of the device with its prefix length: `192.168.42.1/24`.
    Cidr,
    /// A number of bytes: `256MiB`.
    Size,
    /// A time span: `90s`, `30min`, `12h`, `7d`.
    Duration,
    /// A time of day: `04:30`.
    Time,
    /// A host name of one label.
    Hostname,
    /// A full host name of the DNS.
    Domain,
    /// The name of a Tor relay.
    Nickname,
    /// The fingerprint of a Tor relay.
    TorFingerprint,
    /// The id of a family of Tor relays.
    TorFamilyId,
    /// The secret key of a family of Tor relays.
    TorFamilyKey,
    /// A line that says where a bridge into the Tor network is.
    TorBridge,
    /// A Wi-Fi network's name.
    Ssid,
    /// A WPA passphrase.
    Passphrase,
    /// A password.
    Password,
    /// A country of the wireless regulations, or `00` for the rules that hold everywhere.
    Country,
    /// A name of the time zone database.
    TimeZone,
    /// A locale.
    Locale,
    /// A line of authorized_keys.
    SshKey,
    /// The name of an account.
    Username,
    /// A word that configuration files take as a name.
    Name,
    /// The name of a network interface.
    Interface,
    /// A path that a web server answers: `/healthz`.
    UrlPath,
    /// An address with its prefix length: `192.0.2.10/24`.
    PrefixedAddress,
    /// A network: `192.0.2.0/24`.
    Network,
    /// A host name or an IP address.
    Host,
    /// The same of another machine.
    RemoteHost,
    /// A status of HTTP, or several in a row: `200`, `200-399`.
    HttpStatus,
    /// A certificate and its private key, as PEM.
    Certificate,
    /// A server behind a load balancer: `web1=10.0.0.11:8080`.
    Server,
}

impl Kind {
    /// Every kind under its name in a profile.
    pub const WORDS: [(&'static str, Self); 39] = [
        ("string", Self::String),
        ("integer", Self::Integer),
        ("boolean", Self::Boolean),
        ("enum", Self::Enum),
        ("list", Self::List),
        ("table", Self::Table),
        ("port", Self::Port),
        ("address", Self::Address),
        ("ipv4-address", Self::Ipv4Address),
        ("bind", Self::Bind),
        ("cidr", Self::Cidr),
        ("size", Self::Size),
        ("duration", Self::Duration),
        ("time", Self::Time),
        ("hostname", Self::Hostname),
        ("domain", Self::Domain),
        ("nickname", Self::Nickname),
        ("tor-fingerprint", Self::TorFingerprint),
        ("tor-family-id", Self::TorFamilyId),
        ("tor-family-key", Self::TorFamilyKey),
        ("tor-bridge", Self::TorBridge),
        ("ssid", Self::Ssid),
        ("passphrase", Self::Passphrase),
        ("password", Self::Password),
        ("country", Self::Country),
        ("time-zone", Self::TimeZone),
        ("locale", Self::Locale),
        ("ssh-key", Self::SshKey),
        ("username", Self::Username),
        ("name", Self::Name),
        ("interface", Self::Interface),
        ("url-path", Self::UrlPath),
        ("prefixed-address", Self::PrefixedAddress),
        ("network", Self::Network),
        ("host", Self::Host),
        ("remote-host", Self::RemoteHost),
        ("http-status", Self::HttpStatus),
        ("certificate", Self::Certificate),
        ("server", Self::Server),
    ];

    /// Its name in a profile.
    pub fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(_, kind)| *kind == self);
        found.expect("every kind has a word").0
    }

    /// What a value looks like, for messages.
    pub fn expected(self) -> &'static str {
        match self {
            Self::String => "one line of text without control characters",
            Self::Integer => "a whole number",
            Self::Boolean => "`true` or `false`",
            Self::Enum => "one of the known words",
            Self::List => "a list",
            Self::Table => "a table",
            Self::Port => "a port from 1 to 65535",
            Self::Address => "the IP address of another machine, such as `192.0.2.1`",
            Self::Ipv4Address => "the IPv4 address of another machine, such as `192.0.2.1`",
            Self::Bind => "`*` or an IP address that a device can have",
            Self::UrlPath => text::URL_PATH,
            Self::Cidr => {
                "a private IPv4 address with its prefix length, such as `192.168.42.1/24`"
            }
            Self::Size => "a size, such as `256MiB`",
            Self::Duration => "a time span, such as `90s`, `30min`, `12h` or `7d`",
            Self::Time => "a time of day, such as `04:30`",
            Self::Hostname => "1 to 63 letters, digits and inner hyphens",
            Self::Domain => "a full host name, such as `tor-exit.example.org`",
            Self::Nickname => "1 to 19 letters and digits",
            Self::TorFingerprint => {
                "a fingerprint of 40 hexadecimal digits, with or without `$` before it"
            }
            Self::TorFamilyId => {
                "the id that `tor --keygen-family` printed, 43 characters of base64"
            }
            Self::TorFamilyKey => tor::FAMILY_KEY,
            Self::TorBridge => tor::BRIDGE,
            Self::Ssid => "1 to 32 bytes without control characters",
            Self::Passphrase => {
                "8 to 63 printable ASCII characters, or a key of 64 hexadecimal digits"
            }
            Self::Password => "12 to 128 printable ASCII characters",
            Self::Country => "two letters of ISO 3166, such as `DE`, or `00`",
            Self::TimeZone => "a name such as `Europe/Berlin` or `Etc/UTC`",
            Self::Locale => "a UTF-8 locale, such as `C.UTF-8` or `de_DE.UTF-8`",
            Self::SshKey => ssh_key::EXPECTED,
            Self::Username => "1 to 32 small letters, digits, `-` and `_`, a letter first",
            Self::Name => "1 to 32 letters, digits, `-`, `_` and `.`, a letter or digit first",
            Self::Interface => text::INTERFACE,
            Self::PrefixedAddress => {
                "the IP address of a machine with its network's prefix length, such as `192.0.2.10/24` or `2001:db8::10/64`"
            }
            Self::Network => "a network, such as `192.0.2.0/24` or `2001:db8::/32`",
            Self::Host => "a host name or the IP address of a machine",
            Self::RemoteHost => "the host name or the IP address of another machine",
            Self::HttpStatus => "a status of HTTP or a range, such as `200` or `200-399`",
            Self::Certificate => pem::EXPECTED,
            Self::Server => "`name=host:port`, or a table with `name`, `address` and `port`",
        }
    }

    /// Reads one value that has no parts; `None` where it is not of this kind.
    pub fn read(self, raw: &Raw) -> Option<Value> {
        match (self, raw) {
            (Self::Boolean, Raw::Boolean(flag)) => Some(Value::Boolean(*flag)),
            (Self::Boolean, Raw::Text(text)) => text.parse().ok().map(Value::Boolean),
            (Self::Integer | Self::Port, Raw::Integer(number)) => self.number(*number),
            (Self::Integer | Self::Port, Raw::Text(text)) => self.number(text.parse().ok()?),
            (Self::Server, Raw::Text(text)) => server::from_text(text),
            (Self::Server, Raw::Table(fields)) => server::from_table(fields),
            (Self::Certificate, Raw::Text(text)) => pem::read(text).ok().map(Value::Text),
            (Self::TorBridge, Raw::Text(text)) => tor::bridge(text).ok().map(Value::Text),
            (Self::SshKey, Raw::Text(text)) => ssh_key::read(text).ok().map(Value::Text),
            (Self::Boolean | Self::Integer | Self::Port | Self::Server, _) => None,
            (Self::List | Self::Table, _) => None,
            (_, Raw::Text(text)) => self.fits(text).then(|| Value::Text(text.clone())),
            _ => None,
        }
    }

    /// What is wrong with a text of this kind, where more can be said than what is expected.
    pub fn problem(self, text: &str) -> Option<String> {
        match self {
            Self::Certificate => pem::read(text).err(),
            Self::SshKey => ssh_key::read(text).err(),
            Self::TorBridge => tor::bridge(text).err().map(str::to_owned),
            Self::Address | Self::Ipv4Address | Self::Bind | Self::PrefixedAddress => {
                host::problem(text)
            }
            Self::Hostname if text.parse::<std::net::IpAddr>().is_err() && text.contains('.') => {
                let (name, _) = text.split_once('.')?;
                Some(format!("a host name has no domain; expected `{name}`"))
            }
            Self::Hostname | Self::Domain | Self::Host | Self::RemoteHost => host::problem(text),
            Self::UrlPath => text::url_path_problem(text),
            Self::Locale => meant_locale(text).map(|meant| format!("did you mean `{meant}`?")),
            _ => None,
        }
    }

    /// What `min` and `max` bound of a text of this kind, and the word for it.
    pub fn measure(self, text: &str) -> Option<(i64, &'static str)> {
        let (number, unit) = match self {
            Self::String => (u64::try_from(text.len()).ok()?, "bytes"),
            Self::Duration => (seconds(text)?, "seconds"),
            _ => return None,
        };
        Some((i64::try_from(number).unwrap_or(i64::MAX), unit))
    }

    fn number(self, number: i64) -> Option<Value> {
        let sound = self != Self::Port || (1..=65535).contains(&number);
        sound.then_some(Value::Integer(number))
    }

    fn fits(self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let printable = || bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
        let no_control = || !text.chars().any(char::is_control);
        let between = |low, high| (low..=high).contains(&bytes.len());
        match self {
            Self::String => no_control(),
            Self::Enum => true,
            Self::Address => text.parse().is_ok_and(is_machine),
            Self::Ipv4Address => text
                .parse::<Ipv4Addr>()
                .is_ok_and(|address| is_machine(address.into())),
            Self::Bind => is_bind(text),
            Self::UrlPath => is_url_path(text),
            Self::Cidr => is_private_cidr(text),
            Self::PrefixedAddress => is_prefixed(text),
            Self::Network => is_network(text),
            Self::Host => is_host(text),
            Self::RemoteHost => is_remote_host(text),
            Self::HttpStatus => is_statuses(text),
            Self::Certificate => pem::read(text).is_ok(),
            Self::Size => text.parse::<Bytes>().is_ok(),
            Self::Duration => seconds(text).is_some(),
            Self::Time => is_time(text),
            Self::Hostname => is_hostname(text),
            Self::Domain => is_domain(text),
            Self::Nickname => tor::is_nickname(text),
            Self::TorFingerprint => tor::is_fingerprint(text),
            Self::TorFamilyId => tor::is_family_id(text),
            Self::TorFamilyKey => tor::is_family_key(text),
            Self::TorBridge => tor::bridge(text).is_ok(),
            Self::Ssid => between(1, 32) && no_control(),
            Self::Passphrase => between(8, 63) && printable() || is_psk(text),
            Self::Password => between(12, 128) && printable(),
            Self::Country => is_country(text),
            Self::TimeZone => is_time_zone(text),
            Self::Locale => is_locale(text),
            Self::SshKey => ssh_key::read(text).is_ok(),
            Self::Username => is_username(text),
            Self::Name => is_name(text),
            Self::Interface => is_interface(text),
            Self::Integer | Self::Boolean | Self::Port => false,
            Self::List | Self::Table | Self::Server => false,
        }
    }
}

#[cfg(test)]
mod tests;
