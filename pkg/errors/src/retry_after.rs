//! The header `Retry-After` (RFC 9110 section 10.2.3).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::Error;

impl Error {
    /// Sets the retry delay from a `Retry-After` header: seconds, or an IMF-fixdate (`Sun, 06 Nov 1994 08:49:37 GMT`). Any
    /// other text changes nothing, and a date in the past is a delay of zero. A peer's delay is cut to 30 days.
    ///
    /// Call it after [`from_remote`](Self::from_remote), which reads the body alone.
    ///
    /// ```
    /// use std::time::Duration;
    /// use underpin_errors::Error;
    ///
    /// let error = Error::from_remote(429, b"slow down").retry_after_header("120");
    /// assert_eq!(error.retry_delay(), Some(Duration::from_secs(120)));
    /// ```
    #[must_use]
    pub fn retry_after_header(self, value: &str) -> Self {
        match parse(value.trim(), SystemTime::now()) {
            Some(delay) => self.retry_after(bounded(delay)),
            None => self,
        }
    }
}

/// A delay from a peer, cut so that `Instant::now() + delay` cannot overflow.
pub(crate) fn bounded(delay: Duration) -> Duration {
    delay.min(Duration::from_secs(30 * 24 * 60 * 60))
}

fn parse(value: &str, now: SystemTime) -> Option<Duration> {
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(seconds_since_epoch(value)?))?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// Reads an IMF-fixdate (RFC 9110 section 5.6.7). The name of the day carries no information and is not checked.
fn seconds_since_epoch(date: &str) -> Option<u64> {
    let (_, date) = date.split_once(", ")?;
    let [day, month, year, time, "GMT"] = *date.split(' ').collect::<Vec<_>>() else { return None };
    let [hour, minute, second] = *time.split(':').collect::<Vec<_>>() else { return None };
    let [day, year] = [number(day, 1..=31)?, number(year, 1970..=9999)?];
    let [hour, minute, second] = [number(hour, 0..=23)?, number(minute, 0..=59)?, number(second, 0..=60)?];
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = u64::try_from(months.iter().position(|name| *name == month)?).ok()? + 1;
    Some(((days_since_epoch(year, month, day)? * 24 + hour) * 60 + minute) * 60 + second)
}

fn number(text: &str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && range.contains(number))
}

/// Days from 1970-01-01, counted in years that begin in March so that the leap day is the last.
fn days_since_epoch(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    // The day number of 1970-01-01 in this count.
    days.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn seconds_and_dates_are_read() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(parse("120", at(0)), Some(Duration::from_secs(120)));
        assert_eq!(parse(date, at(784_111_777)), Some(Duration::ZERO));
        assert_eq!(parse(date, at(784_111_777 - 90)), Some(Duration::from_secs(90)));
        assert_eq!(parse(date, at(2_000_000_000)), Some(Duration::ZERO));
        assert_eq!(parse("Thu, 01 Jan 1970 00:00:07 GMT", at(0)), Some(Duration::from_secs(7)));
        assert_eq!(parse("Thu, 29 Feb 2024 00:00:00 GMT", at(1_709_164_800)), Some(Duration::ZERO));
        assert_eq!(parse("Thu, 29 Feb 2024 00:00:01 GMT", at(1_709_164_800)), Some(Duration::from_secs(1)));
        assert_eq!(
            parse("Fri, 01 Mar 2024 00:00:00 GMT", at(1_709_164_800)),
            Some(Duration::from_secs(86_400))
        );
    }

    #[test]
    fn anything_else_is_no_pause() {
        for text in
            ["", "soon", "-1", "1.5", "99999999999999999999", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 1", ", "]
        {
            assert_eq!(parse(text, at(0)), None, "{text}");
        }
    }

    #[test]
    fn a_pause_of_ages_is_cut_so_that_adding_it_to_now_is_safe() {
        for error in [
            Error::from_remote(429, b"").retry_after_header("18446744073709551615"),
            Error::from_remote(429, br#"{"title": "slow down", "retry_after": 1e18}"#),
        ] {
            assert_eq!(error.retry_delay(), Some(Duration::from_secs(2_592_000)));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            parse(&text, at(0));
        }

        #[test]
        fn any_date_is_read_without_a_panic(day in 0..99u8, month in "Jan|Feb|Dec|Foo", year in 0..99_999u32, time in "[0-9:]{8}") {
            parse(&format!("Sun, {day:02} {month} {year} {time} GMT"), at(0));
        }
    }
}
