use std::time::Duration;

use super::digits;

/// Renders times as RFC 3339 in UTC with microseconds, `2026-11-20T14:53:09.123456Z`, remembering the last second:
/// the calendar is computed once a second and not once a record.
#[derive(Debug)]
pub(crate) struct TimestampCache {
    second: u64,
    /// What a line of JSON begins with, up to the second, and zeros.
    opening: [u8; 32],
}

/// What stands before the date.
const BRACE: &[u8; 7] = b"{\"ts\":\"";
const DATE: usize = b"1970-01-01T00:00:00".len();

impl TimestampCache {
    /// The length of what a line begins with: `{"ts":"2026-11-20T14:53:09`.
    pub(crate) const OPENING: usize = BRACE.len() + DATE;

    pub(crate) fn new() -> Self {
        Self { second: 0, opening: opening(0) }
    }

    /// The beginning of a line, [`TimestampCache::OPENING`] bytes of 32, and `.123456Z`.
    #[inline]
    pub(crate) fn open(&mut self, since_epoch: Duration) -> (&[u8; 32], [u8; 8]) {
        let second = since_epoch.as_secs();
        if second != self.second {
            self.opening = opening(second);
            self.second = second;
        }
        (&self.opening, fraction(since_epoch.subsec_micros()))
    }

    /// The time as text: the date up to the second, and `.123456Z`.
    pub(crate) fn render(&mut self, since_epoch: Duration) -> (&[u8], [u8; 8]) {
        let (opening, fraction) = self.open(since_epoch);
        (opening.get(BRACE.len()..Self::OPENING).unwrap_or_default(), fraction)
    }
}

/// `.123456Z`, put together in one register: written byte by byte it would have to be waited for when it is copied.
#[inline]
const fn fraction(micros: u32) -> [u8; 8] {
    const FRAME: u64 = u64::from_le_bytes(*b".000000Z");
    // The first two of the eight digits are zeros, and make room for the frame.
    (FRAME | digits::eight(micros as u64) >> 16 << 8).to_le_bytes()
}

#[cold]
fn opening(second: u64) -> [u8; 32] {
    let mut opening = [0; 32];
    for (out, byte) in opening.iter_mut().zip(BRACE.iter().chain(&calendar(second))) {
        *out = *byte;
    }
    opening
}

/// `YYYY-MM-DDThh:mm:ss`; the days algorithm is Howard Hinnant's
/// [`civil_from_days`](https://howardhinnant.github.io/date_algorithms.html).
fn calendar(second: u64) -> [u8; 19] {
    let (days, time) = (second / 86_400 + 719_468, second % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = (year_of_era + era * 400 + u64::from(month <= 2)).min(9999);

    let mut text = *b"0000-00-00T00:00:00";
    let [y1, y2, y3, y4, _, mo1, mo2, _, d1, d2, _, h1, h2, _, mi1, mi2, _, s1, s2] = &mut text;
    let digits: [(&mut u8, u64); 14] = [
        (y1, year / 1000),
        (y2, year / 100),
        (y3, year / 10),
        (y4, year),
        (mo1, month / 10),
        (mo2, month),
        (d1, day / 10),
        (d2, day),
        (h1, time / 36_000),
        (h2, time / 3600),
        (mi1, time / 600 % 6),
        (mi2, time / 60),
        (s1, time / 10 % 6),
        (s2, time),
    ];
    for (out, value) in digits {
        *out = b'0' + (value % 10) as u8;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(secs: u64, micros: u32) -> String {
        let mut second = TimestampCache::new();
        let (date, fraction) = second.render(Duration::new(secs, micros * 1000));
        String::from_utf8([date, &fraction].concat()).unwrap()
    }

    #[test]
    fn known_times_are_rendered_in_utc_with_microseconds() {
        assert_eq!(render(0, 0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(render(951_782_399, 999_999), "2000-02-28T23:59:59.999999Z");
        assert_eq!(render(951_782_400, 1), "2000-02-29T00:00:00.000001Z");
        assert_eq!(render(1_709_251_199, 0), "2024-02-29T23:59:59.000000Z");
        assert_eq!(render(1_795_186_389, 123_456), "2026-11-20T14:53:09.123456Z");
        assert_eq!(render(4_102_444_800, 0), "2100-01-01T00:00:00.000000Z");
        assert_eq!(render(4_107_542_400, 0), "2100-03-01T00:00:00.000000Z");
    }

    #[test]
    fn a_remembered_second_gives_what_a_fresh_one_gives() {
        let mut remembered = TimestampCache::new();
        for step in [0_u64, 1, 1, 86_399, 86_400, 31_536_000, 5] {
            let at = Duration::new(1_700_000_000 + step, 42_000);
            assert_eq!(remembered.render(at), TimestampCache::new().render(at));
        }
    }
}
