//! Schedules against a walker that looks at every minute, around all transitions of forty zones.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::{CronSchedule, Schedule};
use crate::cron::pattern::Pattern;

/// With the odd ones: gaps of half an hour, at midnight, over a day, of two hours; zones that moved, or gave it up.
const ZONES: [&str; 40] = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/Johannesburg",
    "Africa/Khartoum",
    "Africa/Windhoek",
    "America/Asuncion",
    "America/Caracas",
    "America/Chicago",
    "America/Havana",
    "America/Los_Angeles",
    "America/Mexico_City",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Casey",
    "Antarctica/Macquarie",
    "Antarctica/Troll",
    "Asia/Amman",
    "Asia/Beirut",
    "Asia/Dhaka",
    "Asia/Gaza",
    "Asia/Jerusalem",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Asia/Tokyo",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/Dublin",
    "Europe/Istanbul",
    "Europe/London",
    "Europe/Moscow",
    "Europe/Volgograd",
    "Pacific/Apia",
    "Pacific/Auckland",
    "Pacific/Chatham",
];

const PATTERNS: [&str; 9] = [
    "30 2 * * *",
    "0 0 * * *",
    "*/15 * * * *",
    "15 1-3 * * *",
    "0 */2 * * *",
    "0 2,3 * * *",
    "30 * * * SUN",
    "5 0 L * *",
    "45 23 * * 1-5",
];

fn seconds(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_second()
}

/// Every minute, in order: a fixed time fires when local time reaches or passes it for the first time, an interval whenever
/// local time matches.
fn walk(pattern: &Pattern, zone: &TimeZone, from: i64, to: i64) -> Vec<i64> {
    let minute = |at: i64| {
        let at = Timestamp::from_second(at).unwrap();
        zone.to_offset(at).to_datetime(at)
    };
    let matches = |local: jiff::civil::DateTime| {
        pattern.matches_time(local.time()) && pattern.matches_date(local.date())
    };
    // What local time has reached before.
    let mut reached = (1..=180).map(|before| minute(from - 60 * before)).max().unwrap();
    let mut ticks = Vec::new();
    for at in (from..=to).step_by(60) {
        let local = minute(at);
        let fires = if pattern.is_interval() {
            matches(local)
        } else {
            let mut fires = false;
            while reached < local {
                reached = reached.checked_add(Span::new().minutes(1)).unwrap();
                fires |= matches(reached);
            }
            fires
        };
        if fires {
            ticks.push(at);
        }
    }
    ticks
}

#[test]
fn ticks_are_those_of_a_walker_around_each_transition() {
    let (start, end) = (seconds("2000-01-01T00:00:00Z"), seconds("2040-01-01T00:00:00Z"));
    let (mut windows, mut ticks) = (0, 0);
    for (number, name) in ZONES.iter().enumerate() {
        let zone = TimeZone::get(name).unwrap();
        let schedules = PATTERNS.map(|pattern| CronSchedule::parse(pattern, name).unwrap());
        let transitions = zone.following(Timestamp::from_second(start).unwrap());
        let moments =
            transitions.map(|transition| transition.timestamp().as_second()).take_while(|at| *at < end);
        // Zones without one have an ordinary day.
        for (turn, at) in moments.chain([seconds("2020-02-29T00:00:00Z")]).enumerate() {
            let (from, to) = (at - at.rem_euclid(60) - 48 * 3600, at - at.rem_euclid(60) + 48 * 3600);
            // Each transition has one pattern of two, each zone all of them over the years.
            let schedule = &schedules[(number + turn) % PATTERNS.len()];
            let mut found = Vec::new();
            let mut last = from - 1;
            while let Some(next) = schedule.next_after(last).filter(|next| *next <= to) {
                assert!(next > last, "{name}: {schedule:?} does not move on from {last}");
                found.push(next);
                last = next;
            }
            let walked = walk(&schedule.pattern, &zone, from, to);
            assert_eq!(found, walked, "{name}: {schedule:?} around {}", Timestamp::from_second(at).unwrap());
            (windows, ticks) = (windows + 1, ticks + found.len());
        }
    }
    assert!(windows > 1500 && ticks > 20_000, "{windows} transitions, {ticks} ticks");
}

fn after(pattern: &str, zone: &str, moment: &str, expected: &[&str]) {
    let schedule = CronSchedule::parse(pattern, zone).unwrap();
    let mut at = seconds(moment);
    for expected in expected {
        at = schedule.next_after(at).unwrap();
        assert_eq!(Timestamp::from_second(at).unwrap().to_string(), *expected, "{pattern} {zone}");
    }
}

#[test]
fn fixed_times_fire_once_a_day() {
    // Forward: 02:30 does not exist, the first instant after the gap is 03:00. Back: 02:30 comes twice.
    after(
        "30 2 * * *",
        "Europe/Berlin",
        "2030-03-30T12:00:00Z",
        &["2030-03-31T01:00:00Z", "2030-04-01T00:30:00Z"],
    );
    after(
        "30 2 * * *",
        "Europe/Berlin",
        "2030-10-26T12:00:00Z",
        &["2030-10-27T00:30:00Z", "2030-10-28T01:30:00Z"],
    );
    // Two times in the gap, and one at its end.
    after(
        "0 2,3 * * *",
        "Europe/Berlin",
        "2030-03-31T00:00:00Z",
        &["2030-03-31T01:00:00Z", "2030-04-01T00:00:00Z"],
    );
    // Asked within the second pass.
    after("30 2 * * *", "Europe/Berlin", "2030-10-27T01:10:00Z", &["2030-10-28T01:30:00Z"]);
    // The gap is at midnight.
    after(
        "0 0 * * *",
        "America/Sao_Paulo",
        "2018-11-03T12:00:00Z",
        &["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"],
    );
    // There was no 30 December 2011.
    after(
        "0 12 * * *",
        "Pacific/Apia",
        "2011-12-29T23:00:00Z",
        &["2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"],
    );
    // Clocks move by half an hour, and by two.
    after(
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2030-10-05T00:00:00Z",
        &["2030-10-05T15:30:00Z", "2030-10-06T15:15:00Z"],
    );
    after(
        "30 1 * * *",
        "Antarctica/Troll",
        "2030-03-30T12:00:00Z",
        &["2030-03-31T01:00:00Z", "2030-03-31T23:30:00Z"],
    );
}

#[test]
fn intervals_follow_elapsed_time() {
    after(
        "*/30 * * * *",
        "Europe/Berlin",
        "2030-03-31T00:00:00Z",
        &["2030-03-31T00:30:00Z", "2030-03-31T01:00:00Z", "2030-03-31T01:30:00Z"],
    );
    after(
        "30 * * * *",
        "Europe/Berlin",
        "2030-10-27T00:00:00Z",
        &["2030-10-27T00:30:00Z", "2030-10-27T01:30:00Z", "2030-10-27T02:30:00Z"],
    );
    after("*/20 * * * * *", "UTC", "2026-12-31T23:59:30Z", &["2026-12-31T23:59:40Z", "2027-01-01T00:00:00Z"]);
}
