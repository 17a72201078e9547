//! Chooses the proxy for an address, by the rules of curl's environment variables.

use super::FetchError;
use crate::address::without_login;
use ipnet::IpNet;
use reqwest::{Proxy, Url};
use std::net::IpAddr;

/// The proxies that the user has set.
#[derive(Clone, Default)]
pub struct Proxies {
    /// The proxy for `http:` addresses.
    pub http: Option<String>,
    /// The proxy for `https:` addresses.
    pub https: Option<String>,
    /// The hosts that are asked without a proxy, divided by commas or spaces: a name, which
    /// includes all names below it; an address; or a network (`10.0.0.0/8`). Each may have a port.
    /// `*` means every host.
    pub except: String,
}

/// The rule by which the client finds the proxy for an address; `None` if no proxy is set.
///
/// reqwest's own list of exceptions is not used: it has no ports, does not apply `*` to addresses,
/// and is ignored where a function chooses the proxy.
pub(super) fn rule(proxies: &Proxies) -> Result<Option<Proxy>, FetchError> {
    let parsed = |text: &Option<String>| text.as_deref().map(parse).transpose();
    let (http, https) = (parsed(&proxies.http)?, parsed(&proxies.https)?);
    if http.is_none() && https.is_none() {
        return Ok(None);
    }
    let entries = proxies.except.split([',', ' ', '\t', '\n']);
    let exceptions: Vec<Exception> = entries.filter_map(Exception::parse).collect();
    let choose = move |url: &Url| {
        let proxy = match url.scheme() {
            "http" => http.clone(),
            "https" => https.clone(),
            _ => None,
        };
        proxy.filter(|_| !exceptions.iter().any(|exception| exception.is_of(url)))
    };
    Ok(Some(Proxy::custom(choose)))
}

/// An exception: a host that is asked without a proxy.
struct Exception {
    host: Hosts,
    /// The port to which it is limited, if any.
    port: Option<u16>,
}

enum Hosts {
    Any,
    /// One address, or all of a network.
    Network(IpNet),
    /// A name, and all names below it.
    Name(String),
}

impl Exception {
    /// Reads one entry of the list: `*`, `example.org`, `.example.org`, `*.example.org`,
    /// `10.0.0.0/8`, `[::1]:80`.
    fn parse(entry: &str) -> Option<Self> {
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) if host.ends_with(']') || !host.contains(':') => {
                (host, Some(port.parse().ok()?))
            }
            // The entry has no port, or is an IPv6 address without brackets.
            _ => (entry, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        // The standard library parses addresses, because ipnet takes `010.0.0.1` for one.
        let (address, bits) = match host.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (host, None),
        };
        let host = match address.parse::<IpAddr>() {
            Ok(address) => Hosts::Network(match bits {
                Some(bits) => IpNet::new(address, bits).ok()?,
                None => address.into(),
            }),
            Err(_) if host == "*" => Hosts::Any,
            Err(_) => {
                let name = host.strip_prefix("*.").unwrap_or(host);
                Hosts::Name(name.trim_matches('.').to_ascii_lowercase())
            }
        };
        let is_empty = matches!(&host, Hosts::Name(name) if name.is_empty());
        (!is_empty).then_some(Self { host, port })
    }

    fn is_of(&self, url: &Url) -> bool {
        let found = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let found = found
            .trim_start_matches('[')
            .trim_end_matches(']')
            .trim_end_matches('.');
        let host = match &self.host {
            Hosts::Any => true,
            // An address has no names below it, so it is compared with names of hosts only if it is
            // a name.
            Hosts::Name(_) if found.parse::<IpAddr>().is_ok() => false,
            Hosts::Name(name) => {
                let below = found.strip_suffix(name.as_str());
                below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
            }
            Hosts::Network(network) => {
                let found = found.parse::<IpAddr>();
                found.is_ok_and(|found| network.contains(&found))
            }
        };
        host && self
            .port
            .is_none_or(|port| url.port_or_known_default() == Some(port))
    }
}

/// The address of a proxy, which may lack its scheme.
fn parse(text: &str) -> Result<Url, FetchError> {
    let refused = |reason: String| FetchError::Proxy {
        proxy: without_login(text).into_owned(),
        reason,
    };
    let whole = match text.contains("://") {
        true => text.to_owned(),
        false => format!("http://{text}"),
    };
    let url = Url::parse(&whole).map_err(|error| refused(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(refused(format!(
            "proxies of kind `{other}` are not supported"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_names_addresses_and_networks_with_and_without_a_port() {
        let at = |entry: &str, url: &str| {
            let exception = Exception::parse(entry);
            exception.is_some_and(|exception| exception.is_of(&url.parse().unwrap()))
        };
        for (entry, url) in [
            ("deb.example", "http://deb.example/debian"),
            ("example", "https://deb.example/debian"),
            (".example", "http://DEB.example/debian"),
            ("*.example", "http://deb.example/debian"),
            ("deb.example:80", "http://deb.example/debian"),
            ("[::1]:8080", "http://[::1]:8080/"),
            ("::1", "http://[::1]/"),
            ("fe80::/10", "http://[febf::1]/"),
            ("10.0.0.0/8", "http://10.1.2.3/"),
            ("10.0.0.0/0", "http://11.1.2.3/"),
            ("10.1.2.3:80", "http://10.1.2.3/"),
            ("*", "http://10.1.2.3/"),
            ("*", "https://deb.example/"),
        ] {
            assert!(at(entry, url), "{entry} {url}");
        }
        for (entry, url) in [
            ("deb.example:80", "https://deb.example/debian"),
            ("example", "http://notexample/"),
            ("10.0.0.0/8", "http://11.1.2.3/"),
            ("10.0.0.0/8", "http://[::1]/"),
            ("10.1.2.4", "http://10.1.2.3/"),
            ("2.3", "http://10.1.2.3/"),
            (".", "http://deb.example/"),
            ("", "http://deb.example/"),
        ] {
            assert!(!at(entry, url), "{entry} {url}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_named_without_its_login() {
        for text in ["socks5h://u:secret@proxy:1080", "http://u:secret@[proxy"] {
            let proxies = Proxies {
                https: Some(text.to_owned()),
                ..Proxies::default()
            };
            let words = rule(&proxies).err().unwrap().to_string();
            assert!(
                words.contains("proxy") && !words.contains("secret"),
                "{words}"
            );
        }
    }
}
