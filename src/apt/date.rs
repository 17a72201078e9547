//! Points in time as Release files write them and as messages show them.

use crate::epoch::Epoch;
use std::fmt;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Reads a date of RFC 5322, which in a Release file is always in UTC; `None` if it is none.
pub(super) fn parse(text: &str) -> Option<Epoch> {
    let rest = match text.split_once(',') {
        Some((_weekday, rest)) => rest,
        None => text,
    };
    let words: Vec<&str> = rest.split_whitespace().collect();
    let [day, month, year, time, "UTC" | "GMT" | "Z" | "+0000"] = words[..] else {
        return None;
    };
    let month = MONTHS
        .iter()
        .position(|name| *name == month)?
        .checked_add(1)?;
    let month = u64::try_from(month).ok()?;
    let clock: Vec<&str> = time.split(':').collect();
    let [hour, minute, second] = clock[..] else {
        return None;
    };
    let (hour, minute, second) = (number(hour)?, number(minute)?, number(second)?);
    let (day, year) = (number(day)?, number(year)?);
    // A leap second counts as the one after it, as in POSIX time.
    if hour > 23 || minute > 59 || second > 60 || !(1970..=9999).contains(&year) {
        return None;
    }
    if day == 0 || day > days_in_month(year, month) {
        return None;
    }
    let before: u64 = (1..month).map(|month| days_in_month(year, month)).sum();
    let years: u64 = (1970..year)
        .map(|year| 365 + u64::from(is_leap(year)))
        .sum();
    Some(Epoch(
        ((years + before + day - 1) * 24 + hour) * 3600 + minute * 60 + second,
    ))
}

/// Shows a moment: `2025-09-06 08:12:33 UTC`.
pub(super) struct Utc(pub(super) Epoch);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.0;
        let (mut day, mut year) = (seconds / DAY, 1970);
        // No archive is that old or young; the bound keeps the loop short for any number.
        if day > 3_000_000 {
            return write!(f, "{seconds} seconds after 1970-01-01");
        }
        while day >= 365 + u64::from(is_leap(year)) {
            day -= 365 + u64::from(is_leap(year));
            year += 1;
        }
        let mut month = 1;
        while day >= days_in_month(year, month) {
            day -= days_in_month(year, month);
            month += 1;
        }
        let second = seconds % DAY;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let day = day + 1;
        write!(
            f,
            "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC"
        )
    }
}

const DAY: u64 = 24 * 3600;

fn number(text: &str) -> Option<u64> {
    let plain = text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_release_files_are_read() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 UTC", 0),
            ("Sat, 06 Sep 2025 08:12:33 UTC", 1_757_146_353),
            ("Thu, 29 Feb 2024 23:59:60 GMT", 1_709_251_200),
            ("1 Mar 2100 7:00:00 +0000", 4_107_567_600),
            ("Fri, 31 Dec 9999 23:59:59 Z", 253_402_300_799),
        ] {
            assert_eq!(parse(text), Some(Epoch(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_in_utc_is_refused() {
        for text in [
            "",
            "Sat, 06 Sep 2025 08:12:33",
            "Sat, 06 Sep 2025 08:12:33 +0200",
            "Sat, 06 Sep 2025 08:12 UTC",
            "Sat, 31 Sep 2025 08:12:33 UTC",
            "Sat, 29 Feb 2100 08:12:33 UTC",
            "Sat, 00 Sep 2025 08:12:33 UTC",
            "Sat, 06 Sep 2025 24:00:00 UTC",
            "Sat, 06 sep 2025 08:12:33 UTC",
            "Sat, +6 Sep 2025 08:12:33 UTC",
            "Sat, 06 Sep 99999 08:12:33 UTC",
            "2025-09-06T08:12:33Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_moment_is_shown_in_utc() {
        for (seconds, shown) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (1_757_146_353, "2025-09-06 08:12:33 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (u64::MAX, "18446744073709551615 seconds after 1970-01-01"),
        ] {
            assert_eq!(Utc(Epoch(seconds)).to_string(), shown);
        }
    }
}
