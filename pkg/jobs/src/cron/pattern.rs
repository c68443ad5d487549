use jiff::civil::{Date, DateTime, Time};

/// A cron pattern as sets of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// `MON#2` is bit 1 of Monday.
    nth_weekdays: [u8; 7],
    last_day: bool,
    days_are_restricted: bool,
    weekdays_are_restricted: bool,
    /// A `*` in the time of day: the pattern is an interval.
    is_interval: bool,
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// How far to look for a match: 29 February on a given weekday comes every 28 years, or 40 over 2100.
const YEARS: i16 = 50;

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            text => text,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let (second, rest) = match fields.as_slice() {
            [second, rest @ ..] if rest.len() == 5 => (*second, rest),
            rest => ("0", rest),
        };
        let [minute, hour, day, month, weekday] = rest else {
            return Err("a pattern has five fields, or six with seconds".to_owned());
        };
        let last_day = day.split(',').any(|part| part.eq_ignore_ascii_case("L"));
        let days: Vec<&str> = day.split(',').filter(|part| !part.eq_ignore_ascii_case("L")).collect();
        let (nth, plain): (Vec<&str>, Vec<&str>) = weekday.split(',').partition(|part| part.contains('#'));
        let mut nth_weekdays = [0; 7];
        for part in nth {
            let (name, number) = part.split_once('#').unwrap_or((part, ""));
            let day = value(name, 0, 7, &WEEKDAYS)? % 7;
            let number = number.parse::<u8>().ok().filter(|number| (1..=5).contains(number));
            let number = number.ok_or_else(|| format!("`{part}`: a month has 1 to 5 of a weekday"))?;
            if let Some(bits) = nth_weekdays.get_mut(day as usize) {
                *bits |= 1 << (number - 1);
            }
        }
        let mut weekdays = set(&plain, 0, 7, &WEEKDAYS)?;
        weekdays |= weekdays >> 7 & 1;
        let pattern = Self {
            seconds: set(&[second], 0, 59, &[])?,
            minutes: set(&[minute], 0, 59, &[])?,
            hours: set(&[hour], 0, 23, &[])?,
            days: set(&days, 1, 31, &[])?,
            months: set(&[month], 1, 12, &MONTHS)?,
            weekdays,
            nth_weekdays,
            last_day,
            days_are_restricted: !day.starts_with('*'),
            weekdays_are_restricted: !weekday.starts_with('*'),
            is_interval: [second, minute, hour].iter().any(|field| field.contains('*')),
        };
        let example = DateTime::constant(2000, 1, 1, 0, 0, 0, 0);
        match pattern.next_match(example) {
            Some(_) => Ok(pattern),
            None => Err("there is no such day".to_owned()),
        }
    }

    pub(super) fn is_interval(&self) -> bool {
        self.is_interval
    }

    #[cfg(test)]
    pub(super) fn matches_time(&self, time: Time) -> bool {
        has(self.hours, time.hour()) && has(self.minutes, time.minute()) && has(self.seconds, time.second())
    }

    pub(super) fn matches_date(&self, date: Date) -> bool {
        let weekday = date.weekday().to_sunday_zero_offset();
        let nth = u32::try_from((date.day() - 1) / 7).unwrap_or(0);
        let nth_weekday = usize::try_from(weekday).ok().and_then(|day| self.nth_weekdays.get(day));
        let by_day = has(self.days, date.day()) || self.last_day && date.day() == date.days_in_month();
        let by_weekday = has(self.weekdays, weekday) || nth_weekday.is_some_and(|bits| bits >> nth & 1 == 1);
        let day = match (self.days_are_restricted, self.weekdays_are_restricted) {
            (true, true) => by_day || by_weekday,
            _ => by_day && by_weekday,
        };
        has(self.months, date.month()) && day
    }

    /// The first matching date and time from this one on.
    pub(super) fn next_match(&self, from: DateTime) -> Option<DateTime> {
        let (mut date, mut time) = (from.date(), (from.hour(), from.minute(), from.second()));
        let last_year = date.year().saturating_add(YEARS);
        while date.year() <= last_year {
            if !has(self.months, date.month()) {
                (date, time) = (date.last_of_month().tomorrow().ok()?, (0, 0, 0));
                continue;
            }
            if self.matches_date(date)
                && let Some(time) = self.next_time(time)
            {
                return Some(date.to_datetime(time));
            }
            (date, time) = (date.tomorrow().ok()?, (0, 0, 0));
        }
        None
    }

    /// The first matching time of the day from this one on.
    fn next_time(&self, (hour, minute, second): (i8, i8, i8)) -> Option<Time> {
        let (first_minute, first_second) = (from(self.minutes, 0)?, from(self.seconds, 0)?);
        let (hour, minute, second) = if has(self.hours, hour) {
            let in_minute = has(self.minutes, minute).then(|| from(self.seconds, second)).flatten();
            match (in_minute, from(self.minutes, minute + 1)) {
                (Some(second), _) => (hour, minute, second),
                (None, Some(minute)) => (hour, minute, first_second),
                (None, None) => (from(self.hours, hour + 1)?, first_minute, first_second),
            }
        } else {
            (from(self.hours, hour)?, first_minute, first_second)
        };
        Time::new(hour, minute, second, 0).ok()
    }
}

fn has(set: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| set >> value & 1 == 1)
}

/// The first value of a set that is not smaller.
fn from(set: u64, value: i8) -> Option<i8> {
    let left = set.checked_shr(u32::try_from(value).ok()?)?;
    (left != 0).then(|| value + i8::try_from(left.trailing_zeros()).unwrap_or(0))
}

fn set(parts: &[&str], min: u32, max: u32, names: &[&str]) -> Result<u64, String> {
    let mut set = 0;
    for part in parts.iter().flat_map(|part| part.split(',')) {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                let step = step.parse::<usize>().ok().filter(|step| *step > 0);
                (range, Some(step.ok_or_else(|| format!("`{part}`: a step is at least 1"))?))
            }
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (min, if max == 7 { 6 } else { max }),
            Some((first, last)) => (value(first, min, max, names)?, value(last, min, max, names)?),
            None => {
                let first = value(range, min, max, names)?;
                (first, if step.is_some() { max } else { first })
            }
        };
        if first > last {
            return Err(format!("`{part}`: the range ends before it begins"));
        }
        (first..=last).step_by(step.unwrap_or(1)).for_each(|value| set |= 1 << value);
    }
    Ok(set)
}

/// A number or a name. The names of months count from 1, as `min` does.
fn value(text: &str, min: u32, max: u32, names: &[&str]) -> Result<u32, String> {
    let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
    let number = named.and_then(|at| u32::try_from(at).ok()).map(|at| at + min);
    let digits = || text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let number = number.or_else(digits).filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| format!("`{text}` is not from {min} to {max}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(pattern: &str, from: &str) -> String {
        Pattern::parse(pattern).unwrap().next_match(from.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn fields_are_read() {
        for (pattern, from, expected) in [
            ("* * * * *", "2026-11-30T06:24:01", "2026-11-30T06:25:00"),
            ("*/15 * * * *", "2026-11-30T06:46:00", "2026-11-30T07:00:00"),
            ("5/20 3 * * *", "2026-11-30T03:26:00", "2026-11-30T03:45:00"),
            ("0 9-17/4 * * MON-FRI", "2026-11-28T00:00:00", "2026-11-30T09:00:00"),
            ("30 2 1 jan,Jul *", "2026-11-30T06:24:00", "2027-01-01T02:30:00"),
            ("0 0 29 2 *", "2026-11-30T06:24:00", "2028-02-29T00:00:00"),
            ("0 0 L * *", "2026-02-01T00:00:00", "2026-02-28T00:00:00"),
            ("0 0 15,L * *", "2028-02-16T00:00:00", "2028-02-29T00:00:00"),
            ("0 0 * * FRI#2", "2026-11-01T00:00:00", "2026-11-13T00:00:00"),
            ("0 0 * * 7", "2026-11-30T00:00:00", "2026-12-06T00:00:00"),
            ("0 0 13 * 5", "2026-11-30T00:00:00", "2026-12-04T00:00:00"),
            ("59 59 23 31 12 *", "2026-11-30T00:00:00", "2026-12-31T23:59:59"),
            ("@weekly", "2026-11-30T00:00:00", "2026-12-06T00:00:00"),
            ("@yearly", "2026-11-30T00:00:00", "2027-01-01T00:00:00"),
            ("0 0 29 2 MON#5", "2001-03-01T00:00:00", "2004-02-29T00:00:00"),
        ] {
            assert_eq!(next(pattern, from), expected, "{pattern}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for pattern in [
            "",
            "* * * *",
            "* * * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "*/0 * * * *",
            "5-1 * * * *",
            "a * * * *",
            "-1 * * * *",
            "+1 * * * *",
            "1- * * * *",
            "0 0 31 2 *",
            "0 0 * * MON#6",
            "0 0 * * #2",
            "@noon",
            "1,,2 * * * *",
            "0 0 L-1 * *",
        ] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn each_match_matches() {
        for text in ["*/7 3-5 * * *", "13 13 13 * *", "0 0 L * FRI", "1 2 3 4 5 *"] {
            let pattern = Pattern::parse(text).unwrap();
            let mut at: DateTime = "2024-01-01T00:00:00".parse().unwrap();
            for _ in 0..50 {
                at = pattern.next_match(at).unwrap();
                assert!(pattern.matches_date(at.date()) && pattern.matches_time(at.time()), "{text}: {at}");
                at = at.checked_add(jiff::Span::new().seconds(1)).unwrap();
            }
        }
    }
}
