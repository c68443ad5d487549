//! Decides the outcome of each row of one poll cycle: a state machine without any I/O.

use std::collections::{HashMap, VecDeque};

use underpin_errors::Report;
use underpin_events::Event;

use super::outcome::{BatchOutcome, Disposition, Failure, Outage, PublishOutcome, Row};

/// When a row goes into quarantine, and what the rows behind it do then.
#[derive(Debug, Clone, Copy)]
pub(super) struct QuarantinePolicy {
    pub(super) max_attempts: u32,
    pub(super) hold_after_quarantine: bool,
}

/// What the rows of a key may do in this poll cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyState {
    /// They are published.
    Free,
    /// A row of the key is held: they move behind it.
    Blocked,
    /// A row of the key is in flight: they stay where they are.
    InFlight,
}

/// The rows of one poll cycle, by key.
///
/// At most one row of a key is in flight at a time: a later one is sent only after the earlier one is confirmed, since the
/// broker may keep the later of two and lose the earlier.
#[derive(Debug)]
pub(super) struct Batch {
    queues: Vec<Queue>,
    window: Vec<usize>,
    outcome: BatchOutcome,
    policy: QuarantinePolicy,
}

#[derive(Debug)]
struct Queue {
    rows: VecDeque<Row>,
    state: QueueState,
    from_held: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QueueState {
    Open,
    /// A row failed; those behind it wait.
    Failed,
    /// The broker could not be reached, or the first row is in flight: everything stays as it is.
    Frozen,
}

impl Batch {
    /// `due` are rows of held keys that are due, `rows` those of the outbox.
    pub(super) fn new(
        due: Vec<Row>,
        rows: Vec<Row>,
        state_of: impl Fn(&str) -> KeyState,
        policy: QuarantinePolicy,
    ) -> Self {
        let mut batch = Self::empty(policy);
        let mut places: HashMap<String, usize> = HashMap::new();
        for row in due.into_iter().chain(rows) {
            match if row.held { KeyState::Free } else { state_of(&row.key) } {
                KeyState::Free => {
                    let place = *places.entry(row.key.clone()).or_insert_with(|| batch.add_queue(row.held));
                    if let Some(queue) = batch.queues.get_mut(place) {
                        queue.rows.push_back(row);
                    }
                }
                KeyState::Blocked => {
                    batch.outcome.promote(row.partition, &row.key);
                    batch.outcome.hold.push(failure(row, 0, None, Disposition::Wait));
                }
                KeyState::InFlight => batch.outcome.untouched += 1,
            }
        }
        batch
    }

    /// The outcome of rows that were published one by one, each with a different key; and the ages of those confirmed.
    pub(super) fn of_finished(
        finished: Vec<(Row, PublishOutcome)>,
        policy: QuarantinePolicy,
    ) -> (BatchOutcome, Vec<i64>) {
        let mut batch = Self::empty(policy);
        let mut outcomes = Vec::with_capacity(finished.len());
        for (row, outcome) in finished {
            let place = batch.add_queue(row.held);
            if let Some(queue) = batch.queues.get_mut(place) {
                queue.rows.push_back(row);
            }
            batch.window.push(place);
            outcomes.push(Some(outcome));
        }
        let ages = batch.apply(outcomes);
        (batch.complete(), ages)
    }

    fn empty(policy: QuarantinePolicy) -> Self {
        Self { queues: Vec::new(), window: Vec::new(), outcome: BatchOutcome::default(), policy }
    }

    fn add_queue(&mut self, from_held: bool) -> usize {
        self.queues.push(Queue { rows: VecDeque::new(), state: QueueState::Open, from_held });
        self.queues.len() - 1
    }

    /// The next events to publish: the first row of each key that can go on. Empty at the end.
    ///
    /// A row that cannot be decoded goes into quarantine.
    pub(super) fn next_window(&mut self) -> Vec<Event> {
        let (mut window, mut events) = (Vec::new(), Vec::new());
        for place in 0..self.queues.len() {
            while let Some(queue) = self.queues.get(place).filter(|queue| queue.state == QueueState::Open) {
                let Some(row) = queue.rows.front() else { break };
                match Event::from_json(row.envelope.as_bytes()) {
                    Ok(event) => {
                        window.push(place);
                        events.push(event);
                        break;
                    }
                    Err(error) => {
                        self.apply_one(place, PublishOutcome::Rejected(Report(&error).to_string()));
                    }
                }
            }
        }
        self.window = window;
        events
    }

    /// The rows of the window, in its order.
    pub(super) fn window(&self) -> impl Iterator<Item = &Row> {
        self.window.iter().filter_map(|place| self.queues.get(*place)?.rows.front())
    }

    /// Takes the outcomes of the window, in its order, `None` for a row that is still in flight; returns the ages of the
    /// rows that were confirmed.
    pub(super) fn apply(&mut self, outcomes: Vec<Option<PublishOutcome>>) -> Vec<i64> {
        let window = std::mem::take(&mut self.window);
        let mut ages = Vec::new();
        for (place, outcome) in window.into_iter().zip(outcomes) {
            if outcome == Some(PublishOutcome::Confirmed) {
                ages.extend(
                    self.queues.get(place).and_then(|queue| queue.rows.front()).map(|row| row.age_ms),
                );
            }
            match (outcome, self.queues.get_mut(place)) {
                (Some(outcome), _) => self.apply_one(place, outcome),
                (None, Some(queue)) => queue.state = QueueState::Frozen,
                (None, None) => {}
            }
        }
        if self.outcome.outage.is_some() {
            // What has not begun is left alone: the rows are where the next cycle finds them.
            let open = |queue: &&mut Queue| queue.state == QueueState::Open && !queue.from_held;
            for queue in self.queues.iter_mut().filter(open) {
                queue.state = QueueState::Frozen;
            }
        }
        ages
    }

    /// Whether publishing stops for this cycle.
    pub(super) fn is_outage(&self) -> bool {
        self.outcome.outage.is_some()
    }

    /// What is to be written; rows that were not published stay where they are.
    pub(super) fn complete(mut self) -> BatchOutcome {
        for queue in std::mem::take(&mut self.queues) {
            let Some(first) = queue.rows.front() else { continue };
            let failed = queue.state == QueueState::Failed;
            // The rows behind a held row in flight wait for it to become due again.
            let is_in_flight = first.held && queue.state == QueueState::Frozen;
            if (failed || queue.from_held) && !is_in_flight {
                self.outcome.promote(first.partition, &first.key);
            }
            for row in queue.rows {
                match (failed || queue.from_held, row.held) {
                    // Behind a row that failed, or behind held rows of its key.
                    (true, false) => self.outcome.hold.push(failure(row, 0, None, Disposition::Wait)),
                    (true, true) => {}
                    (false, _) => self.outcome.untouched += 1,
                }
            }
        }
        self.outcome
    }

    fn apply_one(&mut self, place: usize, outcome: PublishOutcome) {
        let Some(queue) = self.queues.get_mut(place) else { return };
        let Some(row) = queue.rows.front() else { return };
        let (attempts, reason, quarantine) = match outcome {
            PublishOutcome::Confirmed => {
                if let Some(row) = queue.rows.pop_front() {
                    if row.held {
                        self.outcome.promote(row.partition, &row.key);
                        self.outcome.sent_held.push((row.partition, row.key, row.id));
                    } else {
                        self.outcome.sent.push((row.partition, row.id));
                    }
                }
                return;
            }
            PublishOutcome::Rejected(reason) => (row.attempts + 1, reason, true),
            PublishOutcome::AtFault { reason, counts: true } => {
                (row.attempts + 1, reason, row.attempts + 1 >= self.policy.max_attempts)
            }
            PublishOutcome::AtFault { reason, counts: false } => (row.attempts, reason, false),
            // It failed before, and waits once more without being counted.
            PublishOutcome::Outage(reason) if row.held => {
                let outage = Outage { row: row.id, reason: reason.clone() };
                self.outcome.held_outage.get_or_insert(outage);
                (row.attempts, reason, false)
            }
            PublishOutcome::Outage(reason) => {
                let row = row.id;
                self.outcome.outage.get_or_insert(Outage { row, reason });
                queue.state = QueueState::Frozen;
                return;
            }
        };
        let hold_the_rest = !quarantine || self.policy.hold_after_quarantine;
        let Some(row) = queue.rows.pop_front() else { return };
        let disposition = if quarantine { Disposition::Quarantine } else { Disposition::Retry };
        self.outcome.promote(row.partition, &row.key);
        if hold_the_rest {
            queue.state = QueueState::Failed;
        }
        let held = row.held;
        let failure = failure(row, attempts, Some(reason), disposition);
        if held { self.outcome.again.push(failure) } else { self.outcome.hold.push(failure) }
    }
}

fn failure(row: Row, attempts: u32, reason: Option<String>, disposition: Disposition) -> Failure {
    Failure { partition: row.partition, key: row.key, id: row.id, attempts, reason, disposition }
}
