use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use underpin_database::wake::{PollBackoff, WakeSignal};
use underpin_logger::{Context, Logger, RequestId, SpanKind, debug, error, warn};

use super::due::{due, jitter};
use super::entry::CronEntry;
use super::schedule::Schedule;
use crate::headers::headers_of;
use crate::store::{NewJob, ScheduleStatus, Store, Tick};
use crate::{JobId, Jobs, JobsError, meters};

/// How often entries are read although no tick is due: a pause that has ended, a clock that was set.
const LOOK: Duration = Duration::from_secs(30);

/// The longest pause after failures of the store.
const RETRY: Duration = Duration::from_secs(3);

/// Fires the ticks of the entries of this process.
pub(crate) struct Scheduler {
    store: Arc<dyn Store>,
    log: Arc<dyn Logger>,
    wake: WakeSignal,
    entries: Vec<Entry>,
    are_registered: bool,
    longest_pause: Duration,
}

struct Entry {
    entry: CronEntry,
    schedule: Arc<dyn Schedule>,
    /// The schedule, as it describes itself.
    text: String,
    job: NewJob,
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
                return Err(entry.wrong("has two entries".to_owned()));
            }
            let text = schedule.describe();
            prepared.push(Entry { entry, schedule, text, job, is_broken: false, was_foreign: false });
        }
        let (store, wake) = (Arc::clone(jobs.store()), jobs.wake.clone());
        let longest_pause = LOOK.max(poll);
        Ok(Self { store, log, wake, entries: prepared, are_registered: false, longest_pause })
    }

    /// Calls `failed` with each failure of the store, and tries again.
    pub(crate) async fn run(mut self, failed: impl Fn(&JobsError) + Send) -> Infallible {
        if self.entries.is_empty() {
            std::future::pending::<()>().await;
        }
        let mut retry = PollBackoff::new(RETRY);
        loop {
            let pause = match self.look().await {
                Ok(pause) => {
                    retry.reset();
                    pause
                }
                Err(error) => {
                    failed(&error);
                    retry.found_nothing()
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Fires what is due; returns how long nothing will be.
    async fn look(&mut self) -> Result<Duration, JobsError> {
        for entry in self.entries.iter().filter(|_| !self.are_registered) {
            self.store.register(entry.entry.name(), &entry.text).await?;
        }
        self.are_registered = true;
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
        let (name, context) = (entry.entry.name(), &Context::background());
        let status = statuses.iter().find(|status| status.name == name && status.schedule == entry.text);
        if !std::mem::replace(&mut entry.was_foreign, status.is_none()) && status.is_none() {
            warn!(self.log, context, "a cron entry was removed, or has another schedule elsewhere", name);
        }
        let Some(status) = status.filter(|status| !status.paused) else {
            meters::waits_for(name, None);
            return Ok(None);
        };
        let due = due(&*entry.schedule, entry.entry.missed, status.last_tick, now_ms.div_euclid(1000));
        if due.is_broken {
            entry.is_broken = true;
            meters::waits_for(name, Some(status.last_tick));
            error!(self.log, context, "a cron entry is disabled: its schedule does not move on", name);
            return Ok(None);
        }
        // The process that fires the first tick counts those before it, so that they count once.
        let mut counts_missed = false;
        for (number, tick) in due.fire.into_iter().enumerate() {
            let late = now_ms.saturating_sub(tick.saturating_mul(1000));
            if fire(&*self.store, &*self.log, entry, tick, late).await? {
                counts_missed |= number == 0;
                self.wake.notify();
            }
        }
        if counts_missed && due.skip.is_none() && due.missed > 0 {
            meters::missed(name, due.missed);
        }
        if let Some(tick) = due.skip
            && self.store.skip(&Tick::new(name, &*entry.text, tick)).await?
        {
            meters::missed(name, due.missed);
            let missed = due.missed;
            warn!(self.log, context, "a cron entry missed ticks and passes over them", name, missed);
        }
        // While a tick cannot be fired, it stays what is waited for.
        meters::waits_for(name, due.next);
        Ok(due.next)
    }
}

/// Fires a tick, inside of a span that is the root of a trace, unless another process has done so. The job continues the trace.
async fn fire(
    store: &dyn Store,
    log: &dyn Logger,
    entry: &Entry,
    tick: i64,
    late_ms: i64,
) -> Result<bool, JobsError> {
    let (name, id) = (entry.entry.name(), JobId::generate());
    let mut span = Context::new(RequestId::generate()).root_span("tick", SpanKind::Internal, []);
    span.rename(|| format!("tick {name}"));
    span.set("cron.lateness_ms", late_ms);
    span.set("messaging.message.id", id.to_string());
    let job = NewJob {
        id,
        after: jitter(name, tick, entry.entry.jitter),
        headers: headers_of(span.ctx()),
        ..entry.job.clone()
    };
    let fired = span.watch(store.fire(&Tick::new(name, &*entry.text, tick), &job).await)?;
    if !fired {
        span.discard();
        return Ok(false);
    }
    meters::fired(name, tick, Duration::from_millis(u64::try_from(late_ms).unwrap_or(0)));
    debug!(log, span.ctx(), "a cron entry fired", name, tick);
    Ok(true)
}
