//! The time of a log line, in UTC as RFC 3339 writes it, to the millisecond. Pure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last time that was written, kept for the lines of the same millisecond: under load there
/// are dozens, and to write it takes a third of a line's instructions.
#[derive(Default)]
pub(super) struct Timestamp {
    /// Milliseconds since 1970 of `text`, if there is one.
    ms: Option<u128>,
    text: Vec<u8>,
}

impl Timestamp {
    /// The text of `now`. A clock set before 1970 shows as the start of 1970: the log must go on.
    pub(super) fn at(&mut self, now: SystemTime) -> &[u8] {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let ms = Some(since.as_millis());
        if self.ms != ms {
            self.ms = ms;
            self.text.clear();
            write(&mut self.text, since);
        }
        &self.text
    }
}

fn write(out: &mut Vec<u8>, since: Duration) {
    let (year, month, day) = date(since.as_secs() / DAY_SECONDS);
    let second_of_day = since.as_secs() % DAY_SECONDS;
    // By hand: the formatting machinery would take as long as the rest of the line.
    let parts = [
        (year, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b'T'),
        (second_of_day / 3_600, 2, b':'),
        (second_of_day / 60 % 60, 2, b':'),
        (second_of_day % 60, 2, b'.'),
        (u64::from(since.subsec_millis()), 3, b'Z'),
    ];
    for (number, width, end) in parts {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        out.extend(std::iter::repeat_n(b'0', width - digits.len().min(width)));
        out.extend_from_slice(digits);
        out.push(end);
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Counts in years that begin in March: the leap day is then the last of its year, of its four
/// years, and of its four centuries.
fn date(days_since_1970: u64) -> (u64, u64, u64) {
    let days = days_since_1970 + DAYS_TO_1970;
    let (eras, days) = (days / ERA_DAYS, days % ERA_DAYS);
    // The fourth century and the fourth year are a day longer: that day is not a fifth.
    let centuries = (days / CENTURY_DAYS).min(3);
    let days = days - centuries * CENTURY_DAYS;
    let (fours, days) = (days / FOUR_YEARS_DAYS, days % FOUR_YEARS_DAYS);
    let years = (days / YEAR_DAYS).min(3);
    let days = days - years * YEAR_DAYS;
    let months = MONTH_STARTS.iter().filter(|&&start| start <= days).count() as u64 - 1;
    let day = days - MONTH_STARTS[months as usize] + 1;
    let year = eras * 400 + centuries * 100 + fours * 4 + years;
    match months {
        0..=9 => (year, months + 3, day),
        _ => (year + 1, months - 9, day),
    }
}

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// From 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: u64 = 719_468;
const YEAR_DAYS: u64 = 365;
const FOUR_YEARS_DAYS: u64 = 4 * YEAR_DAYS + 1;
const CENTURY_DAYS: u64 = 25 * FOUR_YEARS_DAYS - 1;
/// Four centuries, after which the calendar repeats.
const ERA_DAYS: u64 = 4 * CENTURY_DAYS + 1;

/// On which day of a year that begins in March each month starts, March first.
const MONTH_STARTS: [u64; 12] = [0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337];

#[cfg(test)]
mod tests {
    use super::*;

    fn text(timestamp: &mut Timestamp, now: SystemTime) -> String {
        String::from_utf8(timestamp.at(now).to_vec()).unwrap()
    }

    #[test]
    fn a_timestamp_is_utc_to_the_millisecond() {
        // The seconds are those of `date --utc --date=… +%s`.
        let table = [
            (0, 0, "1970-01-01T00:00:00.000Z"),
            (0, 999, "1970-01-01T00:00:00.999Z"),
            (68_169_599, 1, "1972-02-28T23:59:59.001Z"),
            (68_169_600, 0, "1972-02-29T00:00:00.000Z"),
            (68_256_000, 0, "1972-03-01T00:00:00.000Z"),
            (94_694_399, 0, "1972-12-31T23:59:59.000Z"),
            (951_782_400, 0, "2000-02-29T00:00:00.000Z"),
            (951_868_800, 0, "2000-03-01T00:00:00.000Z"),
            (978_220_800, 0, "2000-12-31T00:00:00.000Z"),
            (1_709_164_800, 0, "2024-02-29T00:00:00.000Z"),
            (1_795_449_600, 123, "2026-11-23T16:00:00.123Z"),
            (4_107_542_399, 0, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00.000Z"),
            (13_574_563_200, 0, "2400-02-29T00:00:00.000Z"),
            (253_402_300_799, 999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800, 0, "10000-01-01T00:00:00.000Z"),
        ];
        for (seconds, milliseconds, expected) in table {
            let since = Duration::from_secs(seconds) + Duration::from_millis(milliseconds);
            assert_eq!(text(&mut Timestamp::default(), UNIX_EPOCH + since), expected);
        }
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(text(&mut Timestamp::default(), before), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_timestamp_follows_a_clock_in_either_direction() {
        let mut timestamp = Timestamp::default();
        for (ms, expected) in [(0, ".000Z"), (0, ".000Z"), (2, ".002Z"), (1, ".001Z")] {
            let text = text(&mut timestamp, UNIX_EPOCH + Duration::from_millis(ms));
            assert_eq!(text, format!("1970-01-01T00:00:00{expected}"));
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_day_before() {
        let leap = |year: u64| match year % 400 {
            0 => true,
            year => year.is_multiple_of(4) && !year.is_multiple_of(100),
        };
        let mut expected = (1970, 1, 1);
        for days in 0..=ERA_DAYS {
            assert_eq!(date(days), expected, "day {days}");
            let (year, month, day) = expected;
            let last = match month {
                2 => 28 + u64::from(leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            expected = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (_, day) if day == last => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
        }
    }
}
