//! Hashes of passwords: how they are recognized, and whether one is that of a password which everybody knows.
//!
//! A hash says how much work it takes to compare a password with it. One that takes more than those of today's
//! systems is recognized and not compared, so that an image cannot decide how long its inspection takes.

use serde::Serialize;
use sha_crypt::{Sha256Params, Sha512Params};
use std::ops::RangeInclusive;

/// How a password was hashed (crypt(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// `$y$`, Debian's default since 11.
    Yescrypt,
    /// `$gy$`.
    GostYescrypt,
    /// `$7$`.
    Scrypt,
    /// `$2b$` and its relatives.
    Bcrypt,
    /// `$6$`.
    Sha512crypt,
    /// `$5$`.
    Sha256crypt,
    /// `$1$`, which is broken.
    Md5crypt,
    /// 13 characters, which is broken.
    Descrypt,
}

const PREFIXES: [(&str, Scheme); 10] = [
    ("$y$", Scheme::Yescrypt),
    ("$gy$", Scheme::GostYescrypt),
    ("$7$", Scheme::Scrypt),
    ("$2a$", Scheme::Bcrypt),
    ("$2b$", Scheme::Bcrypt),
    ("$2x$", Scheme::Bcrypt),
    ("$2y$", Scheme::Bcrypt),
    ("$6$", Scheme::Sha512crypt),
    ("$5$", Scheme::Sha256crypt),
    ("$1$", Scheme::Md5crypt),
];

/// The length of the shortest hash with a prefix: `$1$`, a salt of 1 character, and 22 more.
const SHORTEST: usize = 27;
/// The longest hash, `CRYPT_OUTPUT_SIZE` of libxcrypt.
const LONGEST: usize = 384;
/// The rounds of sha512crypt and sha256crypt in a hash that does not name them.
const DEFAULT_ROUNDS: usize = 5000;
/// The most rounds that are computed.
const MAX_ROUNDS: usize = 100_000;
/// The longest name of an account that is tried, because a long password takes long: that of useradd(8).
const MAX_NAME: usize = 32;
/// The parameters of yescrypt that are computed, which take at most 64 MiB. Debian's are 4096 and 32.
const USUAL_N: RangeInclusive<u64> = 512..=16_384;
const USUAL_R: RangeInclusive<u32> = 8..=32;

/// The passwords that images are or were published with: those of Raspberry Pi OS, DietPi, Armbian, Hardkernel
/// (Odroid), Debian for BeagleBone (`temppwd`), Orange Pi, Radxa (`rock`), Linaro, Ubuntu, Arch Linux ARM (`alarm`),
/// Kali and Khadas, and words that people try first.
const WELL_KNOWN: [&str; 22] = [
    "raspberry",
    "dietpi",
    "1234",
    "odroid",
    "root",
    "toor",
    "admin",
    "password",
    "pi",
    "temppwd",
    "orangepi",
    "rock",
    "radxa",
    "linaro",
    "ubuntu",
    "debian",
    "alarm",
    "kali",
    "khadas",
    "libre",
    "12345678",
    "changeme",
];

impl Scheme {
    /// How `hash` was made, if it is the hash of a password.
    pub(super) fn of(hash: &str) -> Option<Self> {
        let prefix = PREFIXES.iter().find(|(prefix, _)| hash.starts_with(prefix));
        let is_long = (SHORTEST..=LONGEST).contains(&hash.len());
        match prefix {
            Some((_, scheme)) if is_long => Some(*scheme),
            Some(_) => None,
            None if hash.len() == 13 && hash.bytes().all(is_crypt) => Some(Self::Descrypt),
            None => None,
        }
    }
}

/// Whether crypt(5) uses `byte` in its base 64.
fn is_crypt(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/')
}

/// The hashes of passwords with a prefix in `line`, in their order.
pub(super) fn hashes(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices('$').filter_map(|(at, _)| {
        // One that begins in the middle of a word is a part of another hash.
        let before = line[..at].bytes().next_back();
        if before.is_some_and(|byte| is_crypt(byte) || byte == b'$') {
            return None;
        }
        let rest = &line[at..];
        let is_part = |byte: &u8| is_crypt(*byte) || matches!(*byte, b'$' | b'=' | b',');
        // A longer text is no hash, and a line may have many beginnings of one.
        let len = rest.bytes().take(LONGEST + 1).take_while(is_part).count();
        let hash = &rest[..len];
        Scheme::of(hash).is_some().then_some(hash)
    })
}

/// The well-known password that `hash` is of, the name of its account among those that are tried.
pub(super) fn well_known(hash: &str, account: &str) -> Option<String> {
    let matches = |password: &str| match Scheme::of(hash) {
        Some(Scheme::Yescrypt) => is_yescrypt(password, hash),
        Some(Scheme::Sha512crypt | Scheme::Sha256crypt) => is_sha_crypt(password, hash),
        _ => false,
    };
    let account = Some(account).filter(|name| (1..=MAX_NAME).contains(&name.len()));
    let mut passwords = WELL_KNOWN.into_iter().chain(account);
    passwords
        .find(|password| matches(password))
        .map(str::to_owned)
}

/// Compares by text, because the functions of sha_crypt that check a hash panic on a damaged one.
fn is_sha_crypt(password: &str, hash: &str) -> bool {
    let fields: Vec<&str> = hash.split('$').skip(1).collect();
    let (scheme, rounds, salt, expected) = match fields[..] {
        [scheme, salt, expected] => (scheme, DEFAULT_ROUNDS, salt, expected),
        [scheme, rounds, salt, expected] => {
            let rounds = rounds.strip_prefix("rounds=");
            let Some(rounds) = rounds.and_then(|rounds| rounds.parse().ok()) else {
                return false;
            };
            (scheme, rounds, salt, expected)
        }
        _ => return false,
    };
    if rounds > MAX_ROUNDS {
        return false;
    }
    let (password, salt) = (password.as_bytes(), salt.as_bytes());
    let computed = match scheme {
        "6" => Sha512Params::new(rounds)
            .and_then(|params| sha_crypt::sha512_crypt_b64(password, salt, &params)),
        _ => Sha256Params::new(rounds)
            .and_then(|params| sha_crypt::sha256_crypt_b64(password, salt, &params)),
    };
    computed.is_ok_and(|computed| computed == expected)
}

fn is_yescrypt(password: &str, hash: &str) -> bool {
    let fields: Vec<&str> = hash.split('$').collect();
    let [_, _, params, salt, expected] = fields[..] else {
        return false;
    };
    // `j` is the kind that crypt(5) makes; more than four characters have parameters that multiply the time.
    if !params.starts_with('j') || params.len() > 4 {
        return false;
    }
    let Ok(params) = params.parse::<yescrypt::Params>() else {
        return false;
    };
    let is_usual = USUAL_N.contains(&params.n()) && USUAL_R.contains(&params.r());
    if !is_usual || params.p() != 1 {
        return false;
    }
    let (Some(salt), Some(expected)) = (decoded(salt), decoded(expected)) else {
        return false;
    };
    let mut output = [0; 32];
    let done = yescrypt::yescrypt(password.as_bytes(), &salt, &params, &mut output);
    done.is_ok() && expected == output
}

/// The bytes of a text in the base 64 of yescrypt, whose first character has the lowest bits.
fn decoded(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &[u8] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut bytes = Vec::new();
    for part in text.as_bytes().chunks(4) {
        let mut value = 0_u32;
        for (index, digit) in part.iter().enumerate() {
            let digit = DIGITS.iter().position(|it| it == digit)?;
            value |= u32::try_from(digit).ok()? << (6 * index);
        }
        bytes.extend(&value.to_le_bytes()[..part.len() * 6 / 8]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by Perl's crypt(), which is that of libxcrypt.
    const RASPBERRY: [(&str, Scheme); 3] = [
        (
            "$y$j9T$saltsaltsaltsalt$uRQIufPltIfTTSX8gMSCVJytMXSgeU77GcMbxQD9te0",
            Scheme::Yescrypt,
        ),
        (
            "$6$saltsalt$677q0O/U8ycKsbBfN68CgcyXcWEbi0J/eUf256PkkeGXfNX3CNnPlwFdNvdBgnSiHDx5X1Xozxf5lg9iVIVVu/",
            Scheme::Sha512crypt,
        ),
        (
            "$5$saltsalt$co270cgnQFtIiaigKUIOOLh41ufjqoVJXZNYu0l.NS4",
            Scheme::Sha256crypt,
        ),
    ];

    #[test]
    fn a_well_known_password_is_found_under_every_scheme_that_is_computed() {
        for (hash, scheme) in RASPBERRY {
            assert_eq!(Scheme::of(hash), Some(scheme));
            assert_eq!(well_known(hash, "x").as_deref(), Some("raspberry"));
            let last = hash.len() - 1;
            let other = if hash.ends_with('.') { "/" } else { "." };
            assert_eq!(well_known(&format!("{}{other}", &hash[..last]), "x"), None);
        }
    }

    #[test]
    fn a_hash_that_takes_long_or_is_damaged_is_not_compared() {
        let rest = "$saltsalt$xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
        for hash in [
            format!("$6$rounds=999999999{rest}"),
            format!("$y$jJT{rest}"),
            format!("$y$jzzzzzzz{rest}"),
            format!("$5$rounds=5000${}", "!".repeat(40)),
            format!("$5$salt${}", "é".repeat(20)),
        ] {
            assert!(Scheme::of(&hash).is_some());
            assert_eq!(well_known(&hash, "x"), None);
        }
    }

    #[test]
    fn hashes_are_found_within_lines() {
        let hash = RASPBERRY[1].0;
        let line = format!("user admin password {hash} # $5 and $6$ are none");
        assert_eq!(hashes(&line).collect::<Vec<_>>(), [hash]);
        assert_eq!(hashes("pi:$6$short").count(), 0);
        assert_eq!(
            hashes(&format!("${{x}}é{hash}")).collect::<Vec<_>>(),
            [hash]
        );
    }
}
