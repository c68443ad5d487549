use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use underpin_database::wake::WakeSignal;
use underpin_errors::Report;
use underpin_logger::{Context, Logger, debug, error, warn};

use super::entry::{CronEntry, Missed};
use super::schedule::Schedule;
use crate::store::{NewJob, RegisteredEntry, ScheduleStatus, Store, Tick};
use crate::{JobId, Jobs, JobsError, meters};

/// How often entries are read although no tick is due: a pause that has ended, a clock that was set.
const LOOK: Duration = Duration::from_secs(30);
/// A tick that is later was missed.
const LATE: i64 = 60;
/// Missed ticks that are looked at in one go.
const MOST: usize = 10_000;

/// Fires the ticks of the entries of this process.
pub(crate) struct Scheduler {
    store: Arc<dyn Store>,
    log: Arc<dyn Logger>,
    wake: WakeSignal,
    entries: Vec<Entry>,
    longest_pause: Duration,
}

struct Entry {
    entry: CronEntry,
    schedule: Arc<dyn Schedule>,
    hash: String,
    job: NewJob,
    is_registered: bool,
    /// Its schedule does not move on.
    is_broken: bool,
    was_foreign: bool,
}

/// The ticks of an entry that have come.
#[derive(Debug, Default, PartialEq, Eq)]
struct DueTicks {
    /// To fire, in order.
    fire: Vec<i64>,
    /// The last of those to pass over, if it is later than those to fire.
    skip: Option<i64>,
    missed: u64,
    next: Option<i64>,
    is_broken: bool,
}

impl Scheduler {
    pub(crate) fn new(
        jobs: &Jobs,
        log: Arc<dyn Logger>,
        entries: Vec<CronEntry>,
        poll: Duration,
    ) -> Result<Self, JobsError> {
        let mut prepared: Vec<Entry> = Vec::with_capacity(entries.len());
        for entry in entries {
            let (schedule, job) = (entry.schedule()?, entry.job()?);
            if prepared.iter().any(|other| other.entry.name() == entry.name()) {
                let problem = "has two entries".to_owned();
                return Err(JobsError::Schedule { name: entry.name().to_owned(), problem });
            }
            let hash = schedule.describe();
            prepared.push(Entry {
                entry,
                schedule,
                hash,
                job,
                is_registered: false,
                is_broken: false,
                was_foreign: false,
            });
        }
        let (store, wake) = (Arc::clone(jobs.store()), jobs.wake.clone());
        Ok(Self { store, log, wake, entries: prepared, longest_pause: LOOK.max(poll) })
    }

    pub(crate) async fn run(mut self) -> Infallible {
        if self.entries.is_empty() {
            std::future::pending::<()>().await;
        }
        let mut failures = 0_u32;
        loop {
            let pause = match self.look().await {
                Ok(pause) => {
                    failures = 0;
                    pause
                }
                Err(failed) => {
                    failures = failures.saturating_add(1);
                    meters::outage();
                    if failures == 1 {
                        let error = Report(&failed).to_string();
                        warn!(
                            self.log,
                            &Context::background(),
                            "cannot look after cron entries",
                            error = error.as_str()
                        );
                    }
                    Duration::from_millis(50).saturating_mul(1 << failures.min(6))
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Fires what is due; returns how long nothing will be.
    async fn look(&mut self) -> Result<Duration, JobsError> {
        for entry in self.entries.iter_mut().filter(|entry| !entry.is_registered) {
            let registered = RegisteredEntry::new(entry.entry.name(), &*entry.hash, &*entry.hash);
            self.store.register(&registered).await?;
            entry.is_registered = true;
        }
        let (now_ms, statuses) = self.store.schedules().await?;
        let read_at = Instant::now();
        let mut next: Option<i64> = None;
        for at in 0..self.entries.len() {
            let Some(tick) = self.look_at(at, now_ms, &statuses).await? else { continue };
            next = Some(next.map_or(tick, |next| next.min(tick)));
        }
        let until = next.map_or(self.longest_pause, |next| {
            let left = (next.saturating_mul(1000)).saturating_sub(now_ms);
            Duration::from_millis(u64::try_from(left).unwrap_or(0))
        });
        // A tick begins with its second; the clocks of the two sides run alike for that long.
        let until = until.saturating_sub(read_at.elapsed()) + Duration::from_millis(2);
        Ok(until.min(self.longest_pause))
    }

    /// Fires what is due of one entry; returns its next tick.
    async fn look_at(
        &mut self,
        at: usize,
        now_ms: i64,
        statuses: &[ScheduleStatus],
    ) -> Result<Option<i64>, JobsError> {
        let Some(entry) = self.entries.get_mut(at).filter(|entry| !entry.is_broken) else { return Ok(None) };
        let name = entry.entry.name();
        let status = statuses.iter().find(|status| status.name == name);
        let Some(status) = status.filter(|status| status.hash == entry.hash) else {
            if !std::mem::replace(&mut entry.was_foreign, true) {
                let context = Context::background();
                warn!(
                    self.log,
                    &context, "a cron entry was removed, or has another schedule elsewhere", name
                );
            }
            return Ok(None);
        };
        entry.was_foreign = false;
        if status.paused {
            return Ok(None);
        }
        let due = due(&*entry.schedule, entry.entry.missed, status.last_tick, now_ms.div_euclid(1000));
        if due.is_broken {
            entry.is_broken = true;
            error!(
                self.log,
                &Context::background(),
                "a cron entry is disabled: its schedule does not move on",
                name
            );
            return Ok(None);
        }
        for tick in due.fire {
            let job = NewJob {
                id: JobId::generate(),
                after: jitter(name, tick, entry.entry.jitter),
                ..entry.job.clone()
            };
            if self.store.fire(&Tick::new(name, &*entry.hash, tick), &job).await? {
                let late = now_ms.saturating_sub(tick.saturating_mul(1000));
                meters::fired(name, tick, Duration::from_millis(u64::try_from(late).unwrap_or(0)));
                debug!(self.log, &Context::background(), "a cron entry fired", name, tick);
                self.wake.notify();
            }
        }
        if let Some(tick) = due.skip
            && self.store.skip(&Tick::new(name, &*entry.hash, tick)).await?
        {
            meters::missed(name, due.missed);
            let missed = due.missed;
            warn!(
                self.log,
                &Context::background(),
                "a cron entry missed ticks and passes over them",
                name,
                missed
            );
        }
        Ok(due.next)
    }
}

/// The ticks after the last one up to now, by the policy.
fn due(schedule: &dyn Schedule, missed: Missed, last: i64, now: i64) -> DueTicks {
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
fn jitter(name: &str, tick: i64, longest: Duration) -> Duration {
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
