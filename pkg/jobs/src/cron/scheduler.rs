use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use underpin_database::wake::WakeSignal;
use underpin_errors::Report;
use underpin_logger::{Context, Logger, debug, error, warn};

use super::due::{due, jitter};
use super::entry::CronEntry;
use super::schedule::Schedule;
use crate::store::{NewJob, RegisteredEntry, ScheduleStatus, Store, Tick};
use crate::{JobId, Jobs, JobsError, meters};

/// How often entries are read although no tick is due: a pause that has ended, a clock that was set.
const LOOK: Duration = Duration::from_secs(30);

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
        // The process that fires the first tick counts those before it, so that they count once.
        let mut counts_missed = false;
        for (number, tick) in due.fire.into_iter().enumerate() {
            let job = NewJob {
                id: JobId::generate(),
                after: jitter(name, tick, entry.entry.jitter),
                ..entry.job.clone()
            };
            if self.store.fire(&Tick::new(name, &*entry.hash, tick), &job).await? {
                counts_missed |= number == 0;
                let late = now_ms.saturating_sub(tick.saturating_mul(1000));
                meters::fired(name, tick, Duration::from_millis(u64::try_from(late).unwrap_or(0)));
                debug!(self.log, &Context::background(), "a cron entry fired", name, tick);
                self.wake.notify();
            }
        }
        if counts_missed && due.skip.is_none() && due.missed > 0 {
            meters::missed(name, due.missed);
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
