use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use underpin_errors::Report;
use underpin_logger::{Context, Logger, info, warn};

use super::batch::{Batch, Fate, Outage, Policy, Row, Settlement};
use super::blocked::Blocked;
use super::evidence::{Answer, Judge};
use super::lanes::Lanes;
use super::pace::{Bell, Pace};
use super::publish::{publish_each, publish_together};
use super::settling::Settling;
use super::status::Seat;
use super::store::Store;
use crate::enqueue::Bell as ProcessBell;
use crate::{OutboxError, RelaySettings};
use underpin_events::EventPublisher;

/// Rows of a held key that are looked at in one turn.
const HELD_ROWS: i64 = 64;

/// The loop of a relay: keep the leases, fetch, publish, settle; wait; from the start.
pub(super) struct Worker {
    pub(super) store: Store,
    pub(super) publisher: Arc<dyn EventPublisher>,
    pub(super) settings: RelaySettings,
    pub(super) hold_after_quarantine: bool,
    pub(super) log: Arc<dyn Logger>,
    pub(super) seat: Seat,
    pub(super) stop: CancellationToken,
    pub(super) wake: watch::Receiver<()>,
    /// Rings when another relay has given lanes back.
    pub(super) lanes_free: watch::Receiver<()>,
    /// Rings for the relays of this process.
    pub(super) tell: ProcessBell,
    pub(super) lanes: Lanes,
    pub(super) lease_until: Option<Instant>,
    pub(super) next_heartbeat: Instant,
    pub(super) blocked: Blocked,
    pub(super) judge: Judge,
    /// A settlement that the database did not take yet. It is written before anything else is published.
    pub(super) unsettled: Option<(Settlement, Vec<(i16, i64)>)>,
    /// The last wave had no answer as a whole.
    pub(super) one_by_one: bool,
    pub(super) pace: Pace,
    pub(super) bell: Bell,
    pub(super) failures: u32,
}

enum Turn {
    Busy,
    Idle,
    Outage(Outage),
}

impl Worker {
    pub(super) async fn run(mut self) {
        // However this ends: by a drain, a panic, or with the task.
        let _ended = self.seat.ends();
        while !self.stop.is_cancelled() {
            let wait = match self.turn().await {
                Ok(Turn::Busy) => {
                    self.recovered();
                    self.pace.found();
                    None
                }
                Ok(Turn::Idle) => {
                    self.recovered();
                    Some(self.pace.nothing())
                }
                Ok(Turn::Outage(outage)) => {
                    // An operator may take the row away at which it stands still.
                    self.blocked.grow_stale();
                    Some(self.trouble(&outage.reason, Some(outage.row)))
                }
                Err(error) => {
                    // What answers next may be another server, which knows less.
                    self.lanes.distrust();
                    Some(self.trouble(&Report(&error).to_string(), None))
                }
            };
            if self.failures == 0 {
                self.set_bell().await;
            }
            if let Some(wait) = wait {
                self.rest(wait).await;
            }
        }
        self.leave().await;
    }

    async fn turn(&mut self) -> Result<Turn, OutboxError> {
        if let Some((settlement, floors)) = self.unsettled.take() {
            self.write(settlement, floors).await?;
        }
        if Instant::now() >= self.next_heartbeat {
            self.heartbeat().await?;
        }
        if self.lanes.is_empty() {
            return Ok(Turn::Idle);
        }
        if self.blocked.must_be_read() {
            let heads = self.store.heads(&self.lanes.names(), self.hold_after_quarantine).await?;
            self.blocked = Blocked::read(heads);
        }
        let mut due = Vec::new();
        for (lane, key) in self.blocked.take_due() {
            due.extend(self.store.held(lane, &key, HELD_ROWS).await?);
        }
        let plan = self.lanes.plan(self.settings.batch, self.settings.batch_bytes.bytes());
        let (oldest, rows) = self.store.fetch(&plan).await?;
        let floors = self.lanes.take(&plan, oldest, &rows);
        if due.is_empty() && rows.is_empty() {
            self.lanes.done(&floors);
            return Ok(Turn::Idle);
        }
        let settlement = self.publish(due, rows).await;
        let outage = settlement.outage.clone();
        self.write(settlement, floors).await?;
        if self.lanes.lag_behind(self.settings.batch) {
            self.renew().await?;
        }
        Ok(outage.map_or(Turn::Busy, Turn::Outage))
    }

    async fn publish(&mut self, due: Vec<Row>, rows: Vec<Row>) -> Settlement {
        let policy = Policy {
            max_attempts: self.settings.max_attempts,
            hold_after_quarantine: self.hold_after_quarantine,
        };
        let mut batch = Batch::new(due, rows, |key| self.blocked.has(key), policy);
        while !batch.is_outage() && !self.stop.is_cancelled() && self.lease_outlasts_a_publish() {
            let wave = batch.next_wave();
            if wave.is_empty() {
                break;
            }
            let before = self.judge.before();
            let within = self.settings.publish_timeout;
            let answered = match self.one_by_one || batch.has_failed_before() {
                true => Some(publish_each(&*self.publisher, wave, within).await),
                false => publish_together(&*self.publisher, wave, within).await,
            };
            let Some((answers, duplicates)) = answered else {
                // The same rows once more, now or in the next turn, in a way that shows which of them has no answer.
                self.one_by_one = true;
                continue;
            };
            self.one_by_one = self.one_by_one && !answers.contains(&Answer::Sent);
            let verdicts = self.judge.verdicts(before, &batch.wave(), answers);
            let ages = batch.apply(verdicts);
            self.seat.meters().duplicates.increment(duplicates);
            self.seat.meters().published.increment(ages.len() as u64);
            for age in ages {
                self.seat
                    .meters()
                    .wait
                    .record(Duration::from_millis(u64::try_from(age).unwrap_or(0)).as_secs_f64());
            }
        }
        batch.settle()
    }

    async fn write(&mut self, settlement: Settlement, floors: Vec<(i16, i64)>) -> Result<(), OutboxError> {
        let how = Settling {
            keep_sent: self.settings.keep_sent.is_some(),
            hold_after_quarantine: self.hold_after_quarantine,
            backoff: &self.settings.event_backoff,
        };
        if let Err(error) = self.store.settle(&settlement, &how).await {
            self.unsettled = Some((settlement, floors));
            return Err(error);
        }
        if !settlement.is_plain() {
            self.blocked.grow_stale();
        } else if settlement.outage.is_none() && self.blocked.is_empty() {
            self.judge.all_is_well();
        }
        if settlement.untouched == 0 {
            self.lanes.done(&floors);
        }
        for failure in
            settlement.hold.iter().chain(&settlement.again).filter(|failure| failure.fate != Fate::Wait)
        {
            self.seat.meters().failures.increment(1);
            let (event, reason) = (failure.id, failure.reason.as_deref().unwrap_or_default());
            if failure.fate == Fate::Quarantine {
                self.seat.meters().quarantines.increment(1);
                warn!(
                    self.log,
                    &Context::background(),
                    "event put into quarantine",
                    row = event,
                    attempts = failure.attempts,
                    reason
                );
            } else {
                info!(
                    self.log,
                    &Context::background(),
                    "event not published, tried again later",
                    row = event,
                    attempts = failure.attempts,
                    reason
                );
            }
        }
        Ok(())
    }

    async fn set_bell(&mut self) {
        if let Some(bell) = self.pace.bell(self.bell) {
            // Only speed hangs on it: whatever becomes of the statement, the relay looks by itself.
            if self.store.ring(bell == Bell::On).await.is_ok() {
                self.bell = bell;
            }
        }
    }

    async fn rest(&mut self, wait: Duration) {
        let mut until = Instant::now() + wait;
        if self.failures == 0 {
            until = until.min(self.next_heartbeat);
            until = self.blocked.next_due().map_or(until, |due| until.min(due));
        }
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep_until(until) => {}
            // New work does not end a back-off.
            Ok(()) = self.wake.changed(), if self.failures == 0 => self.pace.woken(),
            Ok(()) = self.lanes_free.changed(), if self.failures == 0 => self.next_heartbeat = Instant::now(),
        }
    }

    fn trouble(&mut self, reason: &str, row: Option<i64>) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.seat.meters().outages.increment(1);
        if self.seat.trouble(reason, row) {
            warn!(self.log, &Context::background(), "relay stands still, and tries again", row, reason);
        }
        self.settings.outage_backoff.delay(self.failures)
    }

    fn recovered(&mut self) {
        self.failures = 0;
        if let Some(after) = self.seat.well() {
            info!(self.log, &Context::background(), "relay goes on", after);
        }
    }

    /// Writes down what was sent and gives the lanes back, so that another relay need not wait for the leases to end.
    async fn leave(&mut self) {
        if let Some((settlement, floors)) = self.unsettled.take()
            && let Err(error) = self.write(settlement, floors).await
        {
            warn!(self.log, &Context::background(), &error, "sent events not removed, they are sent again");
        }
        // In this order: whoever hears of the free lanes counts the relays that are left.
        for result in [self.store.sign_off().await, self.store.release(&self.lanes.names()).await] {
            if let Err(error) = result {
                warn!(self.log, &Context::background(), &error, "lanes not released, their leases run out");
                break;
            }
        }
        self.tell.ring_for_lanes();
    }
}
