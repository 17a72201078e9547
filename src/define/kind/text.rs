//! What a text of each kind looks like.

use std::net::IpAddr;

pub(super) fn all_of(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    text.bytes().all(allowed)
}

/// RFC 1123 §2.1, one label; a name with dots belongs to DNS, not to /etc/hostname.
pub(super) fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && all_of(text, |byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// An RFC 1918 address that a network of /24 to /28 can give to a host.
pub(super) fn is_private_cidr(text: &str) -> bool {
    let Some((address, prefix)) = text.split_once('/') else {
        return false;
    };
    let (Ok(address), Ok(prefix)) = (address.parse::<std::net::Ipv4Addr>(), prefix.parse::<u32>())
    else {
        return false;
    };
    if !(24..=28).contains(&prefix) || !address.is_private() {
        return false;
    }
    let host_mask = u32::MAX >> prefix;
    let host = address.to_bits() & host_mask;
    host != 0 && host != host_mask
}

/// Quotes, backslash and # mean something in the configuration of the programs that ask.
pub(super) fn is_url_path(text: &str) -> bool {
    text.starts_with('/')
        && text.len() <= 256
        && all_of(text, |byte| {
            byte.is_ascii_graphic() && !b"\"'\\#".contains(&byte)
        })
}

pub(super) fn is_username(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && all_of(text, |byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte)
        })
}

pub(super) fn is_name(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && all_of(text, |byte| {
            byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
        })
}

/// The key that WPA2 makes of a passphrase and a network's name, as `wpa_passphrase` prints it (IEEE 802.11, H.4).
pub(crate) fn is_psk(text: &str) -> bool {
    text.len() == 64 && all_of(text, |byte| byte.is_ascii_hexdigit())
}

/// The seconds of `90s`, `30min`, `12h`, `7d`.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let plain = !digits.is_empty() && all_of(digits, |byte| byte.is_ascii_digit());
    digits
        .parse::<u64>()
        .ok()
        .filter(|_| plain)?
        .checked_mul(unit)
}

pub(super) fn is_time(text: &str) -> bool {
    let Some((hour, minute)) = text.split_once(':') else {
        return false;
    };
    let below = |part: &str, limit: u8| {
        let digits = part.len() == 2 && all_of(part, |byte| byte.is_ascii_digit());
        digits && part.parse::<u8>().is_ok_and(|number| number < limit)
    };
    below(hour, 24) && below(minute, 60)
}

/// A name as the time zone database spells them; whether it exists is known in the image only.
pub(super) fn is_time_zone(text: &str) -> bool {
    let part = |part: &str| {
        part.bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphabetic())
            && all_of(part, |byte| {
                byte.is_ascii_alphanumeric() || b"_+-".contains(&byte)
            })
    };
    text.len() <= 64 && text.split('/').count() <= 3 && text.split('/').all(part)
}

pub(super) fn is_locale(text: &str) -> bool {
    let Some(name) = text.strip_suffix(".UTF-8") else {
        return false;
    };
    let (language, country) = name.split_once('_').unwrap_or((name, ""));
    let sound_language =
        matches!(language.len(), 2 | 3) && all_of(language, |byte| byte.is_ascii_lowercase());
    let sound_country = !name.contains('_')
        || country.len() == 2 && all_of(country, |byte| byte.is_ascii_uppercase());
    name == "C" || sound_language && sound_country
}

/// The UTF-8 locale that somebody means who writes `de_DE`, `en_US.utf8` or `de-de@euro`.
pub(super) fn meant_locale(text: &str) -> Option<String> {
    let name = text.split(['.', '@']).next()?;
    let meant = match (name, name.split_once(['_', '-'])) {
        ("C" | "POSIX", _) => "C.UTF-8".to_owned(),
        (_, Some((language, country))) => format!(
            "{}_{}.UTF-8",
            language.to_ascii_lowercase(),
            country.to_ascii_uppercase()
        ),
        _ => return None,
    };
    is_locale(&meant).then_some(meant)
}

/// A host name of dots, or an address.
pub(super) fn is_host(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || text.len() <= 253 && text.split('.').all(is_label)
}

/// An address that one machine can have: neither "this network" (RFC 1122 §3.2.1.3), nor of a group or reserved.
pub(super) fn is_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => (1..224).contains(&address.octets()[0]),
        IpAddr::V6(address) => !address.is_unspecified() && !address.is_multicast(),
    }
}

/// The address of a machine in a network, with the length of its prefix: not the network itself, nor all of its
/// machines. Two of IPv4 (RFC 3021) or IPv6 (RFC 6164) need no more than a bit.
pub(super) fn is_prefixed(text: &str) -> bool {
    let Some((address, length)) = prefixed(text) else {
        return false;
    };
    let in_network = match address {
        IpAddr::V4(address) => {
            let hosts = u32::MAX.checked_shr(length).unwrap_or(0);
            let host = address.to_bits() & hosts;
            length >= 31 || host != 0 && host != hosts
        }
        IpAddr::V6(address) => length >= 127 || address.to_bits().trailing_zeros() < 128 - length,
    };
    length > 0 && is_unicast(address) && !address.is_loopback() && in_network
}

/// A network: all bits behind its prefix are zero.
pub(super) fn is_network(text: &str) -> bool {
    match prefixed(text) {
        Some((IpAddr::V4(address), length)) => address.to_bits().trailing_zeros() >= 32 - length,
        Some((IpAddr::V6(address), length)) => address.to_bits().trailing_zeros() >= 128 - length,
        None => false,
    }
}

/// An address and the length of its prefix.
pub(crate) fn prefixed(text: &str) -> Option<(IpAddr, u32)> {
    let (address, digits) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let length: u32 = digits.parse().ok()?;
    (length <= longest && length.to_string() == digits).then_some((address, length))
}

/// A status of HTTP (RFC 9110 §15: three digits, the first from 1 to 5), or the first and last of several.
pub(super) fn is_statuses(text: &str) -> bool {
    let status = |text: &str| {
        let digits = text.len() == 3 && all_of(text, |byte| byte.is_ascii_digit());
        let number = text.parse::<u16>().ok().filter(|_| digits)?;
        (100..600).contains(&number).then_some(number)
    };
    match text.split_once('-') {
        None => status(text).is_some(),
        Some((first, last)) => status(first)
            .zip(status(last))
            .is_some_and(|(first, last)| first <= last),
    }
}

/// ISO 3166-1 alpha-2. The kernel takes an unknown country for none, without a word.
const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ \
    BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM \
    DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS \
    GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN \
    KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ \
    MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM \
    PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV \
    SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI \
    VN VU WF WS YE YT ZA ZM ZW";

/// Every country, for those who check on the device.
pub(crate) fn countries() -> impl Iterator<Item = &'static str> {
    COUNTRIES.split(' ')
}

pub(super) fn is_country(text: &str) -> bool {
    text == "00" || text.len() == 2 && countries().any(|country| country == text)
}

/// An IPv4 network: its first address and the mask of its hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: u32,
    hosts: u32,
}

/// A text that is no IPv4 network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an IPv4 network: expected an address with its prefix length, such as `10.0.0.0/8`"
)]
pub struct NotANetwork(String);

impl std::str::FromStr for Network {
    type Err = NotANetwork;

    /// Reads `10.0.0.0/8`; of an address inside, the network around it.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let wrong = || NotANetwork(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: std::net::Ipv4Addr = address.parse().map_err(|_| wrong())?;
        let prefix: u32 = prefix.parse().map_err(|_| wrong())?;
        let hosts = match prefix {
            0..=31 => u32::MAX >> prefix,
            32 => 0,
            _ => return Err(wrong()),
        };
        let first = address.to_bits() & !hosts;
        Ok(Self { first, hosts })
    }
}

impl Network {
    /// Its first and its last address.
    pub fn bounds(self) -> (u32, u32) {
        (self.first, self.first | self.hosts)
    }

    /// Whether an address is in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.bounds().1 && other.first <= self.bounds().1
    }
}
