use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use underpin_errors::Report;
use underpin_logger::{Context, Logger, info, warn};

use super::batch::{Batch, KeyState, QuarantinePolicy};
use super::blocked_keys::BlockedKeys;
use super::complete::CompleteOptions;
use super::lease::Leases;
use super::low_water::LowWaterMarks;
use super::maintenance::run_maintenance;
use super::outcome::{BatchOutcome, Outage, Row};
use super::publishing::{PublishReport, Publishing};
use super::report::report_failures;
use super::retry::Retry;
use super::settings::RelaySettings;
use super::status::WorkerStatus;
use super::store::Store;
use super::wake_up::{WakeUp, WokenBy};
use crate::{OutboxError, meters};

/// Held rows of a key that are read in one poll cycle.
const HELD_ROWS: i64 = 64;

/// One loop of a relay: renew the leases, fetch, publish, complete; wait.
pub(super) struct Worker {
    pub(super) store: Store,
    pub(super) leases: Leases,
    pub(super) publishing: Publishing,
    pub(super) blocked: BlockedKeys,
    pub(super) wake_up: WakeUp,
    pub(super) retry: Retry,
    pub(super) status: WorkerStatus,
    pub(super) settings: RelaySettings,
    pub(super) policy: QuarantinePolicy,
    pub(super) log: Arc<dyn Logger>,
    pub(super) stop: CancellationToken,
}

/// What one poll cycle came to.
enum PollCycle {
    Busy,
    Idle,
    Stalled(Outage),
}

impl Worker {
    pub(super) async fn run(mut self) {
        // However this ends: by a drain, a panic, or with the task.
        let _ended = self.status.end_guard();
        while !self.stop.is_cancelled() {
            let until = match self.poll().await {
                Ok(PollCycle::Busy) => {
                    self.recover();
                    self.wake_up.found();
                    None
                }
                Ok(PollCycle::Idle) => {
                    self.recover();
                    Some(self.wake_up.found_nothing())
                }
                Ok(PollCycle::Stalled(outage)) => {
                    // An operator may take the row away at which it stalls.
                    self.blocked.invalidate();
                    self.stalled(&outage.reason, Some(outage.row));
                    Some(Instant::now() + self.retry.failed())
                }
                Err(error) => {
                    // What answers next may be another server, which knows less.
                    self.leases.partitions.invalidate();
                    self.stalled(&Report(&error).to_string(), None);
                    Some(Instant::now() + self.retry.failed())
                }
            };
            if !self.retry.is_pausing() {
                self.wake_up.update_notify_mode(&self.store).await;
            }
            if let Some(until) = until {
                self.wait(until).await;
            }
        }
        self.shut_down().await;
    }

    async fn poll(&mut self) -> Result<PollCycle, OutboxError> {
        self.retry.pause_ended();
        if let Some((outcome, marks)) = self.retry.take_incomplete() {
            self.complete(outcome, marks).await?;
        }
        let mut found = false;
        if let Some(report) = self.publishing.take_ended() {
            found = true;
            if let Some(outage) = self.finish(report, Vec::new()).await? {
                return Ok(PollCycle::Stalled(outage));
            }
        }
        if self.leases.is_heartbeat_due() {
            self.heartbeat().await?;
        }
        if !self.leases.partitions.is_empty() && !self.publishing.is_full() {
            let due = self.due().await?;
            let plan = self.leases.partitions.plan(self.settings.batch, self.settings.batch_bytes.bytes());
            let (oldest, rows) = self.store.fetch(&plan).await?;
            let marks = self.leases.partitions.fetched(&plan, oldest, &rows);
            let report = self.publish(due, rows).await;
            found |= !report.outcome.is_empty();
            if let Some(outage) = self.finish(report, marks).await? {
                return Ok(PollCycle::Stalled(outage));
            }
            if self.leases.partitions.should_renew(self.settings.batch) {
                self.leases.renew(&self.store).await?;
            }
        }
        Ok(if found { PollCycle::Busy } else { PollCycle::Idle })
    }

    /// The held rows that are due. Those that are likely to have no answer are put in flight instead.
    async fn due(&mut self) -> Result<Vec<Row>, OutboxError> {
        if self.blocked.must_be_read() {
            let partitions = self.leases.partitions.numbers();
            let heads = self.store.blocked_heads(&partitions, self.policy.hold_after_quarantine).await?;
            self.blocked = BlockedKeys::read(heads);
            if !self.blocked.has_retries() {
                self.retry.set_held_up(false);
            }
        }
        let mut due = Vec::new();
        for (partition, key) in self.blocked.take_due() {
            if self.publishing.in_flight().has_key(&key) {
                continue;
            }
            let mut rows = self.store.held(partition, &key, HELD_ROWS).await?;
            if rows.first().is_some_and(|row| self.publishing.is_suspect(row)) {
                rows.truncate(1);
                if self.leases.outlast_a_publish() && !self.publishing.is_full() {
                    rows = rows.into_iter().filter_map(|row| self.publishing.start(row)).collect();
                } else {
                    rows.clear();
                }
            }
            due.extend(rows);
        }
        Ok(due)
    }

    async fn publish(&mut self, due: Vec<Row>, rows: Vec<Row>) -> PublishReport {
        let in_flight = self.publishing.in_flight();
        let state_of = |key: &str| {
            if self.blocked.contains(key) {
                KeyState::Blocked
            } else if in_flight.has_key(key) {
                KeyState::InFlight
            } else {
                KeyState::Free
            }
        };
        let batch = Batch::new(due, rows, state_of, self.policy);
        let may_go_on = || !self.stop.is_cancelled() && self.leases.outlast_a_publish();
        self.publishing.publish(batch, may_go_on).await
    }

    /// Writes and reports what was published. Returns the outage that ends the poll cycle.
    async fn finish(
        &mut self,
        report: PublishReport,
        marks: LowWaterMarks,
    ) -> Result<Option<Outage>, OutboxError> {
        meters::published(&report.ages_ms, report.duplicates);
        let (confirmed, outage) = (report.outcome.confirmed(), report.outcome.outage.clone());
        let held_outage = report.outcome.held_outage.clone();
        self.complete(report.outcome, marks).await?;
        match held_outage {
            _ if confirmed > 0 => {
                self.retry.set_held_up(false);
                if outage.is_none() {
                    self.recovered();
                }
            }
            Some(Outage { row, reason }) => {
                // Its own back-off delays the row; others may pass.
                self.retry.set_held_up(true);
                self.stalled(&reason, Some(row));
            }
            None => {}
        }
        Ok(outage)
    }

    async fn complete(&mut self, outcome: BatchOutcome, marks: LowWaterMarks) -> Result<(), OutboxError> {
        let options = CompleteOptions {
            keep_sent: self.settings.keep_sent.is_some(),
            hold_after_quarantine: self.policy.hold_after_quarantine,
            backoff: &self.settings.event_backoff,
        };
        if let Err(error) = self.store.complete(&outcome, &options).await {
            self.retry.keep(outcome, marks);
            return Err(error);
        }
        if !outcome.is_plain() {
            self.blocked.invalidate();
        } else if outcome.outage.is_none() && self.blocked.is_empty() {
            self.publishing.clear_failures();
        }
        if outcome.untouched == 0 {
            self.leases.partitions.done(&marks);
        }
        report_failures(&*self.log, &outcome);
        Ok(())
    }

    async fn heartbeat(&mut self) -> Result<(), OutboxError> {
        let in_use = self.publishing.in_flight().partitions();
        let released = || self.wake_up.partitions_released();
        if self.leases.heartbeat(&self.store, &in_use, released).await? {
            self.wake_up.partitions_acquired();
        }
        self.blocked.invalidate();
        self.status.set_partitions(self.leases.partitions.len());
        if self.status.is_first() {
            run_maintenance(&self.store, &self.status, self.settings.keep_sent).await?;
        }
        Ok(())
    }

    async fn wait(&mut self, mut until: Instant) {
        // New work does not end a back-off.
        let is_ready = !self.retry.is_pausing();
        if is_ready {
            until = until.min(self.leases.next_heartbeat());
            until = self.blocked.next_due().map_or(until, |due| until.min(due));
        }
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep_until(until) => {}
            () = self.publishing.in_flight().ended(), if is_ready => {}
            woken_by = self.wake_up.signalled(), if is_ready => {
                if woken_by == WokenBy::Partitions {
                    self.leases.hurry();
                }
            }
        }
    }

    fn stalled(&self, reason: &str, row: Option<i64>) {
        meters::outage();
        if self.status.stalled(reason, row) {
            warn!(self.log, &Context::background(), "relay stalled, retrying", row, reason);
        }
    }

    /// The poll cycle did not fail. That is no evidence while an answer is due.
    fn recover(&mut self) {
        if self.publishing.in_flight().is_empty() && !self.retry.is_held_up() {
            self.recovered();
        }
    }

    fn recovered(&mut self) {
        self.retry.succeeded();
        if let Some(after) = self.status.recovered() {
            info!(self.log, &Context::background(), "relay recovered", after);
        }
    }

    /// Waits for what is in flight, writes what was sent and releases the partitions, so that another relay need not wait
    /// for the leases to expire.
    async fn shut_down(&mut self) {
        let result = self.complete_all().await;
        if let Err(error) = result {
            warn!(self.log, &Context::background(), &error, "sent events not removed, they are sent again");
        }
        // In this order: whoever hears of the free partitions counts the relays that are left.
        let partitions = self.leases.partitions.numbers();
        for result in [self.store.deregister().await, self.store.release(&partitions).await] {
            if let Err(error) = result {
                let ctx = Context::background();
                warn!(self.log, &ctx, &error, "partitions not released, their leases expire");
                break;
            }
        }
        self.wake_up.partitions_released();
    }

    async fn complete_all(&mut self) -> Result<(), OutboxError> {
        if let Some((outcome, marks)) = self.retry.take_incomplete() {
            self.complete(outcome, marks).await?;
        }
        while !self.publishing.in_flight().is_empty() {
            self.publishing.in_flight().ended().await;
            if let Some(report) = self.publishing.take_ended() {
                self.finish(report, Vec::new()).await?;
            }
        }
        Ok(())
    }
}
