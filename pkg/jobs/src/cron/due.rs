//! Which ticks of an entry are due, and what becomes of those that were missed.

use std::collections::VecDeque;
use std::time::Duration;

use super::entry::Missed;
use super::schedule::Schedule;

/// A tick that is later was missed.
const LATE: i64 = 60;
/// Missed ticks that are looked at in one go.
const MOST: usize = 10_000;

/// The ticks of an entry that have come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct DueTicks {
    /// To fire, in order.
    pub(super) fire: Vec<i64>,
    /// The last of those to pass over, if it is later than those to fire.
    pub(super) skip: Option<i64>,
    pub(super) missed: u64,
    pub(super) next: Option<i64>,
    pub(super) is_broken: bool,
}

/// The ticks after the last one up to now, by the policy.
pub(super) fn due(schedule: &dyn Schedule, missed: Missed, last: i64, now: i64) -> DueTicks {
    let within = match missed {
        Missed::Skip => Some(LATE),
        Missed::Once { within } => within.map(seconds),
        Missed::All { within, .. } => Some(seconds(within)),
    };
    let most = match missed {
        Missed::All { most, .. } => most.clamp(1, MOST),
        _ => 1,
    };
    let (mut due, mut at) = (DueTicks::default(), last);
    let mut ticks = VecDeque::new();
    let mut count = 0_u64;
    loop {
        match schedule.next_after(at) {
            Some(next) if next <= at => return DueTicks { is_broken: true, ..due },
            Some(next) if next > now => {
                due.next = Some(next);
                break;
            }
            None => break,
            Some(next) => {
                at = next;
                count += 1;
                // Only the last ones can fire.
                if ticks.len() >= most {
                    ticks.pop_front();
                }
                ticks.push_back(next);
                // Over a long outage of a frequent entry the rest is found from a later moment.
                if count.is_multiple_of(MOST as u64) && now - at > seconds(Duration::from_secs(86_400)) {
                    at = now - seconds(Duration::from_secs(86_400));
                }
            }
        }
    }
    due.fire =
        ticks.iter().copied().filter(|tick| within.is_none_or(|within| now - tick <= within)).collect();
    due.missed = count - due.fire.len() as u64;
    due.skip = ticks.back().copied().filter(|last| due.fire.last() != Some(last));
    due
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// The same in all processes.
pub(super) fn jitter(name: &str, tick: i64, longest: Duration) -> Duration {
    // FNV-1a, because it must not change with the compiler.
    let bytes = name.bytes().chain(tick.to_le_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(hash.checked_rem(longest).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::CronSchedule;

    fn minutely() -> CronSchedule {
        CronSchedule::parse("* * * * *", "UTC").unwrap()
    }

    #[test]
    fn missed_ticks_follow_the_policy() {
        // Ten ticks are due, the last 40 seconds ago.
        let of = |missed| due(&minutely(), missed, 0, 640);
        let hour = Duration::from_secs(3600);
        let once = of(Missed::Once { within: None });
        assert_eq!((once.fire, once.skip, once.missed, once.next), (vec![600], None, 9, Some(660)));
        let all = of(Missed::All { within: hour, most: 3 });
        assert_eq!((all.fire, all.missed), (vec![480, 540, 600], 7));
        let short = of(Missed::All { within: Duration::from_secs(110), most: 5 });
        assert_eq!((short.fire, short.skip), (vec![540, 600], None));
        let late = due(&CronSchedule::parse("0 * * * *", "UTC").unwrap(), Missed::Skip, 0, 3700);
        assert_eq!((late.fire, late.skip, late.missed, late.next), (vec![], Some(3600), 1, Some(7200)));
        let in_time = due(&CronSchedule::parse("0 * * * *", "UTC").unwrap(), Missed::Skip, 0, 3650);
        assert_eq!(in_time.fire, [3600]);
        assert_eq!(
            due(&minutely(), Missed::Skip, 600, 640),
            DueTicks { next: Some(660), ..DueTicks::default() }
        );
    }

    #[test]
    fn a_year_of_seconds_ends() {
        let secondly = CronSchedule::parse("* * * * * *", "UTC").unwrap();
        let due = due(&secondly, Missed::Once { within: None }, 0, 365 * 86_400);
        assert_eq!((due.fire, due.next), (vec![365 * 86_400], Some(365 * 86_400 + 1)));
    }

    #[test]
    fn a_schedule_that_stands_still_is_broken() {
        struct Still;
        impl Schedule for Still {
            fn next_after(&self, at: i64) -> Option<i64> {
                Some(at)
            }
            fn describe(&self) -> String {
                "still".to_owned()
            }
        }
        assert!(due(&Still, Missed::Skip, 0, 10).is_broken);
    }

    #[test]
    fn jitter_is_the_same_everywhere() {
        let hour = Duration::from_secs(3600);
        assert_eq!(jitter("a", 60, hour), jitter("a", 60, hour));
        assert!(jitter("a", 60, hour) != jitter("b", 60, hour) && jitter("a", 60, hour) < hour);
        assert_eq!(jitter("a", 60, Duration::ZERO), Duration::ZERO);
    }
}
