use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use underpin_events::{Event, EventPublisher};

use super::batch::{Batch, QuarantinePolicy};
use super::in_flight::{EndedRow, InFlight};
use super::outcome::{BatchOutcome, PublishOutcome, Row};
use super::poison::{Attempt, PoisonDetector, PublishCounters, Reply};
use super::publish::{Published, publish_each, publish_one, publish_together};

/// The patience with a publisher at first, or a quarter of the publish timeout if that is less.
const PATIENCE: Duration = Duration::from_millis(250);
/// Rows in flight with which a worker goes on, whatever the size of its batch.
const IN_FLIGHT: usize = 64;

/// Publishes the rows of one worker, so that an event without an answer delays no other.
///
/// A window is published in one call. Where that has no answer within the *patience*, its events are published once more,
/// one by one: those that are confirmed are done, and those without an answer stay in flight up to the publish timeout,
/// while the worker goes on. A row that failed before is published in flight from the start.
pub(super) struct Publishing {
    publisher: Arc<dyn EventPublisher>,
    detector: PoisonDetector,
    in_flight: InFlight,
    policy: QuarantinePolicy,
    timeout: Duration,
    patience: Duration,
    /// No window was confirmed since one had no answer: publish one by one at once.
    one_by_one: bool,
    most_in_flight: usize,
}

/// What was published of a batch.
#[derive(Debug, Default)]
pub(super) struct PublishReport {
    pub(super) outcome: BatchOutcome,
    /// The ages in milliseconds of the events that were confirmed.
    pub(super) ages_ms: Vec<i64>,
    /// Events that the broker had already.
    pub(super) duplicates: u64,
}

impl Publishing {
    pub(super) fn new(
        publisher: Arc<dyn EventPublisher>,
        counters: Arc<PublishCounters>,
        policy: QuarantinePolicy,
        timeout: Duration,
        batch: u32,
    ) -> Self {
        Self {
            publisher,
            detector: PoisonDetector::new(counters),
            in_flight: InFlight::default(),
            policy,
            timeout,
            patience: PATIENCE.min(timeout / 4),
            one_by_one: false,
            most_in_flight: IN_FLIGHT.max(batch as usize),
        }
    }

    pub(super) fn in_flight(&mut self) -> &mut InFlight {
        &mut self.in_flight
    }

    /// Whether so much is in flight that no more should be published.
    pub(super) fn is_full(&self) -> bool {
        self.in_flight.len() >= self.most_in_flight
    }

    /// Whether a row is likely to have no answer again.
    pub(super) fn is_suspect(&self, row: &Row) -> bool {
        row.held && (row.attempts > 0 || self.detector.has_failed(row.id))
    }

    /// Puts a row in flight. One that cannot be decoded comes back.
    pub(super) fn start(&mut self, row: Row) -> Option<Row> {
        let Ok(event) = Event::from_json(row.envelope.as_bytes()) else { return Some(row) };
        self.in_flight.add([publish_one(&self.publisher, row.id, event, self.timeout)]);
        let before = self.detector.now();
        self.in_flight.track(row, before);
        None
    }

    /// Publishes a batch, window after window, as long as `may_go_on`.
    pub(super) async fn publish(&mut self, mut batch: Batch, may_go_on: impl Fn() -> bool) -> PublishReport {
        let mut report = PublishReport::default();
        while !batch.is_outage() && !self.is_full() && may_go_on() {
            let events = batch.next_window();
            if events.is_empty() {
                break;
            }
            let outcomes = if self.one_by_one {
                self.publish_one_by_one(&batch, events, &mut report).await
            } else {
                let Some(outcomes) = self.publish_window(&batch, events, &mut report).await else {
                    // The same rows once more, now or in the next cycle.
                    self.one_by_one = true;
                    continue;
                };
                outcomes
            };
            report.ages_ms.extend(batch.apply(outcomes));
        }
        report.outcome = batch.complete();
        report
    }

    /// The rows whose publish in flight has ended since the last call; `None` where there is none.
    pub(super) fn take_ended(&mut self) -> Option<PublishReport> {
        let ended = self.in_flight.take_ended();
        if ended.is_empty() {
            return None;
        }
        let is_late =
            |one: &EndedRow| one.published.reply == Reply::Confirmed && one.published.took > self.patience;
        if ended.iter().all(is_late) {
            self.wait_longer();
        }
        let duplicates = ended.iter().filter(|ended| ended.published.duplicate).count() as u64;
        let (mut rows, mut attempts) = (Vec::with_capacity(ended.len()), Vec::with_capacity(ended.len()));
        for one in ended {
            attempts.push(Attempt { row: one.row.id, before: one.before, reply: one.published.reply });
            rows.push(one.row);
        }
        let outcomes = self.detector.classify(attempts);
        let (outcome, ages_ms) = Batch::of_finished(rows.into_iter().zip(outcomes).collect(), self.policy);
        Some(PublishReport { outcome, ages_ms, duplicates })
    }

    /// No row is held: forgets earlier failures, unless something is in flight.
    pub(super) fn clear_failures(&mut self) {
        if self.in_flight.is_empty() {
            self.detector.clear();
        }
    }

    /// What was late and confirmed after all says that the broker is slow, not silent.
    fn wait_longer(&mut self) {
        self.patience = (self.patience * 2).min(self.timeout);
    }

    async fn publish_window(
        &mut self,
        batch: &Batch,
        events: Vec<Event>,
        report: &mut PublishReport,
    ) -> Option<Vec<Option<PublishOutcome>>> {
        let (before, started) = (self.detector.now(), Instant::now());
        let replies = publish_together(&*self.publisher, events, self.patience).await?;
        if started.elapsed() < self.patience / 4 {
            self.patience = (self.patience / 2).max(PATIENCE.min(self.timeout / 4));
        }
        report.duplicates += replies.iter().filter(|(_, duplicate)| *duplicate).count() as u64;
        let attempt = |(row, (reply, _)): (&Row, _)| Attempt { row: row.id, before, reply };
        let attempts = batch.window().zip(replies).map(attempt).collect();
        Some(self.detector.classify(attempts).into_iter().map(Some).collect())
    }

    async fn publish_one_by_one(
        &mut self,
        batch: &Batch,
        events: Vec<Event>,
        report: &mut PublishReport,
    ) -> Vec<Option<PublishOutcome>> {
        let before = self.detector.now();
        let window: Vec<(i64, Event)> = batch.window().map(|row| row.id).zip(events).collect();
        let (ended, rest) = publish_each(&self.publisher, window, self.timeout, self.patience).await;
        report.duplicates += ended.iter().filter(|published| published.duplicate).count() as u64;
        if rest.is_empty() && ended.iter().all(|published| published.reply == Reply::Confirmed) {
            self.wait_longer();
        }
        let attempts = ended.into_iter().map(|Published { row, reply, .. }| Attempt { row, before, reply });
        let (rows, attempts): (Vec<i64>, Vec<Attempt>) =
            attempts.map(|attempt| (attempt.row, attempt)).unzip();
        let outcomes = self.detector.classify(attempts);
        let mut outcomes: HashMap<i64, PublishOutcome> = rows.into_iter().zip(outcomes).collect();
        self.one_by_one = !outcomes.values().any(|outcome| *outcome == PublishOutcome::Confirmed);
        let outcomes: Vec<Option<PublishOutcome>> =
            batch.window().map(|row| outcomes.remove(&row.id)).collect();
        for (row, _) in batch.window().zip(&outcomes).filter(|(_, outcome)| outcome.is_none()) {
            self.in_flight.track(row.clone(), before);
        }
        self.in_flight.add(rest);
        outcomes
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use underpin_events::{EventsError, PublishReceipt};

    use super::super::batch::KeyState;
    use super::*;

    /// Confirms after this time; never where there is none.
    struct Answers(Option<Duration>);

    #[async_trait]
    impl EventPublisher for Answers {
        async fn publish(&self, event: Event) -> Result<PublishReceipt, EventsError> {
            let is_silent = event.subject().is_some_and(|subject| subject.starts_with("silent"));
            match self.0.filter(|_| !is_silent) {
                Some(after) => tokio::time::sleep(after).await,
                None => std::future::pending().await,
            }
            Ok(PublishReceipt::new(1, false))
        }

        async fn publish_batch(&self, events: Vec<Event>) -> Vec<Result<PublishReceipt, EventsError>> {
            futures_util::future::join_all(events.into_iter().map(|event| self.publish(event))).await
        }

        async fn flush(&self, _: Duration) -> Result<(), EventsError> {
            Ok(())
        }
    }

    const TIMEOUT: Duration = Duration::from_secs(4);

    fn publishing(answers: Answers) -> Publishing {
        let policy = QuarantinePolicy { max_attempts: 3, hold_after_quarantine: false };
        Publishing::new(Arc::new(answers), Arc::default(), policy, TIMEOUT, 100)
    }

    async fn publish(publishing: &mut Publishing, first: i64, keys: &[&str]) -> PublishReport {
        let row = |(id, key): (i64, &&str)| {
            let event = Event::builder("a.b", "/t").subject(*key).build().unwrap();
            let envelope = String::from_utf8(event.to_json().to_vec()).unwrap();
            let key = (*key).to_owned();
            Row { partition: 0, id, key, envelope, age_ms: 0, attempts: 0, held: false }
        };
        let rows = (first..).zip(keys).map(row).collect();
        let batch = Batch::new(Vec::new(), rows, |_| KeyState::Free, publishing.policy);
        publishing.publish(batch, || true).await
    }

    #[tokio::test(start_paused = true)]
    async fn silence_does_not_prolong_the_patience() {
        let mut publishing = publishing(Answers(Some(Duration::from_millis(5))));
        for number in 0..8 {
            let key = format!("silent-{number}");
            let report = publish(&mut publishing, number, &[&key]).await;
            assert_eq!((report.outcome.confirmed(), report.outcome.untouched), (0, 1));
        }
        let started = Instant::now();
        let report = publish(&mut publishing, 100, &["good", "silent-8"]).await;
        assert_eq!((report.outcome.confirmed(), report.outcome.untouched), (1, 1));
        assert!(started.elapsed() <= 2 * PATIENCE, "{:?}", started.elapsed());
        assert_eq!(publishing.in_flight().len(), 9);
        tokio::time::sleep(TIMEOUT).await;
        let report = publishing.take_ended().unwrap();
        assert_eq!((report.outcome.hold.len(), report.outcome.outage), (9, None), "something was confirmed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_broker_is_waited_for() {
        let mut publishing = publishing(Answers(Some(Duration::from_millis(700))));
        for first in [0, 10, 20] {
            let report = publish(&mut publishing, first, &["a", "b"]).await;
            assert_eq!(report.outcome.untouched, 2);
            tokio::time::sleep(TIMEOUT).await;
            assert_eq!(publishing.take_ended().unwrap().outcome.confirmed(), 2);
            if publishing.patience > Duration::from_millis(700) {
                break;
            }
        }
        publishing.one_by_one = false;
        let report = publish(&mut publishing, 30, &["a", "b"]).await;
        assert_eq!((report.outcome.confirmed(), report.duplicates), (2, 0), "in one go");
    }
}
