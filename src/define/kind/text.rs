//! What a text of each kind looks like.

use ipnet::Ipv4Net;

pub(super) fn all_of(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    text.bytes().all(allowed)
}

/// An RFC 1918 address that a network of /24 to /28 can give to a host.
pub(super) fn is_private_cidr(text: &str) -> bool {
    let Some(net) = ipv4_net(text) else {
        return false;
    };
    (24..=28).contains(&net.prefix_len())
        && net.addr().is_private()
        && ![net.network(), net.broadcast()].contains(&net.addr())
}

fn ipv4_net(text: &str) -> Option<Ipv4Net> {
    let (address, prefix) = text.split_once('/')?;
    Ipv4Net::new(address.parse().ok()?, prefix.parse().ok()?).ok()
}

/// What the path of a URL looks like, for messages.
pub(super) const URL_PATH: &str = "a path from `/` on, as a URL has it: letters, digits, `-._~!$&()*+,;=:@/?`, and `%` with two \
                                   hexadecimal digits for everything else";

/// A path of RFC 3986 §3.3, with a query or without: what is not of it, a strict server answers with status 400, and is taken for
/// down. A single quote, which the RFC has too, means something in the configuration of the programs that ask.
pub(super) fn is_url_path(text: &str) -> bool {
    text.starts_with('/') && text.len() <= 256 && url_path_problem(text).is_none()
}

/// How the first character is written that no URL has.
pub(super) fn url_path_problem(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&()*+,;=:@/?".contains(c);
    let is_escape = |at: usize| {
        let digits = text.get(at + 1..at + 3);
        digits.is_some_and(|digits| all_of(digits, |byte| byte.is_ascii_hexdigit()))
    };
    let mut characters = text.char_indices();
    let (_, wrong) = characters.find(|&(at, c)| !(is_plain(c) || c == '%' && is_escape(at)))?;
    let bytes = wrong.to_string().into_bytes().into_iter();
    let code: String = bytes.map(|byte| format!("%{byte:02X}")).collect();
    Some(format!("write `{code}` for `{wrong}`"))
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

/// What the name of a network interface looks like, for messages.
pub(super) const INTERFACE: &str = "the name of a network interface, such as `eth0`: 1 to 15 letters, digits, `-`, `_` and `.`, a letter or \
                                    digit first, and neither digits alone nor `lo`, `all` or `default`";

/// The name of an interface that every program takes for one. The kernel has 1 to 15 bytes without `/`, `:` and white space
/// (dev_valid_name) and puts a number in the place of a `%`. For systemd digits alone are an index, and `all` and `default` are
/// what sysctl calls all interfaces (ifname_valid_full): networkd passes over such a name, and with it over the whole
/// condition. `lo` is no way out of the device.
pub(super) fn is_interface(text: &str) -> bool {
    is_name(text)
        && text.len() <= 15
        && !all_of(text, |byte| byte.is_ascii_digit())
        && !["all", "default", "lo"].contains(&text)
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
    let (text, modifier) = text.split_once('@').unwrap_or((text, "any"));
    let Some(name) = text.strip_suffix(".UTF-8") else {
        return false;
    };
    if modifier.is_empty() || !all_of(modifier, |byte| byte.is_ascii_lowercase()) {
        return false;
    }
    let (language, country) = name.split_once('_').unwrap_or((name, ""));
    let sound_language =
        matches!(language.len(), 2 | 3) && all_of(language, |byte| byte.is_ascii_lowercase());
    let sound_country = !name.contains('_')
        || country.len() == 2 && all_of(country, |byte| byte.is_ascii_uppercase());
    name == "C" || sound_language && sound_country
}

/// The UTF-8 locale that somebody means who writes `de_DE`, `en_US.utf8` or `ca-es@valencia`. The sign of the euro is in all of
/// them.
pub(super) fn meant_locale(text: &str) -> Option<String> {
    let (rest, modifier) = text.split_once('@').unwrap_or((text, "euro"));
    let name = rest.split('.').next()?;
    let meant = match (name, name.split_once(['_', '-'])) {
        ("C" | "POSIX", _) => "C.UTF-8".to_owned(),
        (_, Some((language, country))) => format!(
            "{}_{}.UTF-8",
            language.to_ascii_lowercase(),
            country.to_ascii_uppercase()
        ),
        _ => return None,
    };
    let meant = match modifier {
        "euro" => meant,
        _ => format!("{meant}@{modifier}"),
    };
    is_locale(&meant).then_some(meant)
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

/// An IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(Ipv4Net);

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
        let net = ipv4_net(text).ok_or_else(|| NotANetwork(text.to_owned()))?;
        Ok(Self(net.trunc()))
    }
}

impl Network {
    /// Its first and its last address.
    pub fn bounds(self) -> (u32, u32) {
        (self.0.network().to_bits(), self.0.broadcast().to_bits())
    }

    /// Whether an address is in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.0.contains(&other.0) || other.0.contains(&self.0)
    }
}
