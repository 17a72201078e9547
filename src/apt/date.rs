//! Points in time as Release files write them and as messages show them.

use crate::epoch::{self, Epoch};
use jiff::civil::DateTime;
use std::fmt;

/// Reads a date of RFC 5322, which in a Release file is always in UTC; `None` if the text is not a date.
///
/// jiff's own reader of RFC 2822 does not know `UTC`, and takes any zone that it does not know for it.
pub(super) fn parse(text: &str) -> Option<Epoch> {
    let zoned = text.trim().rsplit_once(char::is_whitespace)?;
    let (moment, "UTC" | "GMT" | "Z" | "+0000") = zoned else {
        return None;
    };
    let moment = match moment.split_once(',') {
        Some((_weekday, moment)) => moment,
        None => moment,
    };
    let moment = DateTime::strptime("%d %b %Y %H:%M:%S", moment.trim()).ok()?;
    u64::try_from(epoch::seconds(moment)).ok().map(Epoch)
}

/// Shows a moment: `2025-09-06 08:12:33 UTC`.
pub(super) struct Utc(pub(super) Epoch);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.0;
        match i64::try_from(seconds).ok().and_then(epoch::moment) {
            Some(moment) => write!(f, "{} UTC", moment.strftime("%F %T")),
            None => write!(f, "{seconds} seconds after 1970-01-01"),
        }
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
            ("Thu, 29 Feb 2024 23:59:60 GMT", 1_709_251_199),
            ("1 Mar 2100 7:00:00 +0000", 4_107_567_600),
            (" 1  Mar 2100\t7:00:00  GMT ", 4_107_567_600),
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
            (253_402_300_799, "9999-12-31 23:59:59 UTC"),
            (253_402_300_800, "253402300800 seconds after 1970-01-01"),
            (u64::MAX, "18446744073709551615 seconds after 1970-01-01"),
        ] {
            assert_eq!(Utc(Epoch(seconds)).to_string(), shown);
        }
    }
}
