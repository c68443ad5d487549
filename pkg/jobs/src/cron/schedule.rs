use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::pattern::Pattern;

/// The ticks of a cron entry.
pub trait Schedule: Send + Sync + 'static {
    /// The first tick after this moment, both in Unix seconds; `None` when there is none.
    ///
    /// It must be later than the moment, and the same whenever and wherever it is asked for.
    fn next_after(&self, unix_seconds: i64) -> Option<i64>;

    /// The schedule for people. Two schedules of the same text are taken for the same.
    fn describe(&self) -> String;
}

const _: fn(&dyn Schedule) = |_| ();

/// A cron pattern in a time zone.
///
/// # Examples
/// ```
/// use underpin_jobs::cron::{CronSchedule, Schedule};
///
/// let schedule = CronSchedule::parse("0 9 * * MON-FRI", "Australia/Lord_Howe").unwrap();
/// assert_eq!(schedule.describe(), "0 9 * * MON-FRI Australia/Lord_Howe");
/// assert_eq!(schedule.next_after(0), Some(82_800)); // the evening before, in UTC
/// assert!(CronSchedule::parse("61 * * * *", "UTC").is_err());
/// ```
#[derive(Debug, Clone)]
pub struct CronSchedule {
    pattern: Pattern,
    zone: TimeZone,
    text: String,
}

impl CronSchedule {
    /// Reads a pattern and finds a time zone by its IANA name.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn parse(pattern: &str, zone: &str) -> Result<Self, String> {
        let found = match zone {
            "UTC" => TimeZone::UTC,
            zone => TimeZone::get(zone).map_err(|_| format!("there is no time zone `{zone}`"))?,
        };
        Ok(Self {
            pattern: Pattern::parse(pattern)?,
            zone: found,
            text: format!("{} {zone}", pattern.trim()),
        })
    }

    /// The first match of local time in a stretch without a transition, then in the next.
    fn next_interval(&self, after: Timestamp) -> Option<Timestamp> {
        let mut from = second_after(after)?;
        let mut transitions = self.zone.following(after);
        // A match comes at the latest when it would without transitions, and there are few of them.
        for _ in 0..1000 {
            let offset = self.zone.to_offset(from);
            let found = self.pattern.next_match(offset.to_datetime(from));
            let found = found.and_then(|local| offset.to_timestamp(local).ok());
            let end = transitions.next().map(|transition| transition.timestamp());
            match (found, end) {
                (Some(found), Some(end)) if found >= end => {}
                (Some(found), _) => return Some(found),
                (None, None) => return None,
                (None, Some(_)) => {}
            }
            from = end?;
        }
        None
    }

    /// The first match of local time that is later, where each local time has one instant.
    fn next_fixed(&self, after: Timestamp) -> Option<Timestamp> {
        let mut local = self.zone.to_offset(after).to_datetime(after);
        loop {
            local = self.pattern.next_match(local)?;
            let at = self.instant(local)?;
            if at > after {
                return Some(at);
            }
            local = local.checked_add(jiff::Span::new().seconds(1)).ok()?;
        }
    }

    fn instant(&self, local: DateTime) -> Option<Timestamp> {
        match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(local).ok()
            }
            AmbiguousOffset::Gap { before, .. } => {
                // With the offset of before, the time lies behind the transition.
                let behind = second_after(before.to_timestamp(local).ok()?)?;
                self.zone.preceding(behind).next().map(|transition| transition.timestamp())
            }
        }
    }
}

fn second_after(at: Timestamp) -> Option<Timestamp> {
    Timestamp::from_second(at.as_second() + 1).ok()
}

impl Schedule for CronSchedule {
    fn next_after(&self, unix_seconds: i64) -> Option<i64> {
        let after = Timestamp::from_second(unix_seconds).ok()?;
        let next =
            if self.pattern.is_interval() { self.next_interval(after) } else { self.next_fixed(after) };
        next.map(Timestamp::as_second)
    }

    fn describe(&self) -> String {
        self.text.clone()
    }
}

#[cfg(test)]
#[path = "dst_tests.rs"]
mod dst_tests;
