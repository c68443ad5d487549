//! What becomes of the rows of one turn: a state machine without any I/O.

use std::collections::{BTreeSet, HashMap, VecDeque};

use underpin_events::Event;

/// A row on its way.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) lane: i16,
    pub(super) id: i64,
    pub(super) key: String,
    pub(super) envelope: String,
    pub(super) age_ms: i64,
    /// Failures of its own so far.
    pub(super) attempts: u32,
    /// Whether it lies in `underpin_outbox_held`.
    pub(super) held: bool,
}

/// What publishing a row came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The broker has it.
    Sent,
    /// It can never be published.
    Never(String),
    /// It failed while others went through.
    AtFault {
        reason: String,
        /// Whether the failure brings it closer to quarantine.
        counts: bool,
    },
    /// It failed, and nothing says that it is to blame.
    Outage(String),
}

/// A failure that is to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) lane: i16,
    pub(super) key: String,
    pub(super) id: i64,
    pub(super) attempts: u32,
    pub(super) reason: Option<String>,
    pub(super) fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Tried again after the back-off for that many failures.
    Retry,
    /// Waits behind an earlier row of its key.
    Wait,
    /// Waits for an operator.
    Quarantine,
}

/// What is to be written to the database at the end of a turn.
#[derive(Debug, Default)]
pub(super) struct Settlement {
    pub(super) sent: Vec<(i16, i64)>,
    pub(super) sent_held: Vec<(i16, String, i64)>,
    /// Rows that move to `underpin_outbox_held`.
    pub(super) hold: Vec<Failure>,
    /// Rows that lie there and failed again.
    pub(super) again: Vec<Failure>,
    /// Keys whose next held row becomes due.
    pub(super) promote: BTreeSet<(i16, String)>,
    /// Why nothing could be published, if nothing could.
    pub(super) outage: Option<Outage>,
    /// Rows that were taken and are left as they were.
    pub(super) untouched: usize,
}

/// What the relay stands still at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outage {
    /// The first row that could not be published.
    pub(super) row: i64,
    pub(super) reason: String,
}

impl Settlement {
    /// Whether a plain removal of sent rows is all there is to do.
    pub(super) fn is_plain(&self) -> bool {
        self.sent_held.is_empty() && self.hold.is_empty() && self.again.is_empty() && self.promote.is_empty()
    }
}

/// When a row goes into quarantine, and what the rows behind it do then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    pub(super) max_attempts: u32,
    pub(super) hold_after_quarantine: bool,
}

/// The rows of one turn, by key. At most one row of a key is under way at a time: a later one is sent only after the
/// earlier one is confirmed, since the broker may keep the later of two and lose the earlier.
#[derive(Debug)]
pub(super) struct Batch {
    queues: Vec<Queue>,
    wave: Vec<usize>,
    settlement: Settlement,
    policy: Policy,
}

#[derive(Debug)]
struct Queue {
    rows: VecDeque<Row>,
    state: State,
    from_held: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// A row failed; those behind it wait.
    Failed,
    /// The broker could not be reached: everything stays as it is.
    Frozen,
}

impl Batch {
    /// `due` are rows of keys whose turn has come again, `rows` those of the table; a key that is blocked has its rows put
    /// behind the one that failed.
    pub(super) fn new(due: Vec<Row>, rows: Vec<Row>, blocked: impl Fn(&str) -> bool, policy: Policy) -> Self {
        let mut batch =
            Self { queues: Vec::new(), wave: Vec::new(), settlement: Settlement::default(), policy };
        let mut places: HashMap<String, usize> = HashMap::new();
        for row in due.into_iter().chain(rows) {
            if !row.held && blocked(&row.key) {
                batch.settlement.promote(row.lane, &row.key);
                batch.settlement.hold.push(failure(row, 0, None, Fate::Wait));
                continue;
            }
            let place = *places.entry(row.key.clone()).or_insert_with(|| {
                batch.queues.push(Queue { rows: VecDeque::new(), state: State::Open, from_held: row.held });
                batch.queues.len() - 1
            });
            if let Some(queue) = batch.queues.get_mut(place) {
                queue.rows.push_back(row);
            }
        }
        batch
    }

    /// The next events to publish: the first row of each key that can go on. Empty at the end.
    ///
    /// A row that cannot be decoded is dealt with on the way.
    pub(super) fn next_wave(&mut self) -> Vec<Event> {
        let (mut wave, mut events) = (Vec::new(), Vec::new());
        for place in 0..self.queues.len() {
            while let Some(queue) = self.queues.get(place).filter(|queue| queue.state == State::Open) {
                let Some(row) = queue.rows.front() else { break };
                match Event::from_json(row.envelope.as_bytes()) {
                    Ok(event) => {
                        wave.push(place);
                        events.push(event);
                        break;
                    }
                    Err(error) => {
                        let reason = underpin_errors::Report(&error).to_string();
                        self.apply_one(place, Verdict::Never(reason));
                    }
                }
            }
        }
        self.wave = wave;
        events
    }

    /// The rows of the wave, in its order.
    pub(super) fn wave(&self) -> Vec<i64> {
        self.in_wave().map(|row| row.id).collect()
    }

    /// Whether the wave holds a row that failed before, and that may keep the others waiting for its answer.
    pub(super) fn has_failed_before(&self) -> bool {
        self.in_wave().any(|row| row.held)
    }

    fn in_wave(&self) -> impl Iterator<Item = &Row> {
        self.wave.iter().filter_map(|place| self.queues.get(*place)?.rows.front())
    }

    /// Takes the verdicts on the wave, in its order; returns the waiting times of the rows that were sent.
    pub(super) fn apply(&mut self, verdicts: Vec<Verdict>) -> Vec<i64> {
        let wave = std::mem::take(&mut self.wave);
        let mut ages = Vec::new();
        for (place, verdict) in wave.into_iter().zip(verdicts) {
            if verdict == Verdict::Sent {
                ages.extend(
                    self.queues.get(place).and_then(|queue| queue.rows.front()).map(|row| row.age_ms),
                );
            }
            self.apply_one(place, verdict);
        }
        if self.settlement.outage.is_some() {
            // What has not begun is left alone: the rows lie where the next turn finds them.
            for queue in self.queues.iter_mut().filter(|queue| queue.state == State::Open && !queue.from_held)
            {
                queue.state = State::Frozen;
            }
        }
        ages
    }

    /// Whether nothing more is to be published in this turn.
    pub(super) fn is_outage(&self) -> bool {
        self.settlement.outage.is_some()
    }

    /// What is to be written down; rows that did not have their turn stay where they are.
    pub(super) fn settle(mut self) -> Settlement {
        for queue in std::mem::take(&mut self.queues) {
            let Some(first) = queue.rows.front() else { continue };
            let failed = queue.state == State::Failed;
            if failed || queue.from_held {
                self.settlement.promote(first.lane, &first.key);
            }
            for row in queue.rows {
                match (failed || queue.from_held, row.held) {
                    // Behind a row that failed, or behind rows of its key that lie there.
                    (true, false) => self.settlement.hold.push(failure(row, 0, None, Fate::Wait)),
                    (true, true) => {}
                    (false, _) => self.settlement.untouched += 1,
                }
            }
        }
        self.settlement
    }

    fn apply_one(&mut self, place: usize, verdict: Verdict) {
        let Some(queue) = self.queues.get_mut(place) else { return };
        let Some(row) = queue.rows.front() else { return };
        let (attempts, reason, quarantine) = match verdict {
            Verdict::Sent => {
                if let Some(row) = queue.rows.pop_front() {
                    if row.held {
                        self.settlement.promote(row.lane, &row.key);
                        self.settlement.sent_held.push((row.lane, row.key, row.id));
                    } else {
                        self.settlement.sent.push((row.lane, row.id));
                    }
                }
                return;
            }
            Verdict::Never(reason) => (row.attempts + 1, reason, true),
            Verdict::AtFault { reason, counts: true } => {
                (row.attempts + 1, reason, row.attempts + 1 >= self.policy.max_attempts)
            }
            Verdict::AtFault { reason, counts: false } => (row.attempts, reason, false),
            // It failed before, and waits once more without being counted.
            Verdict::Outage(reason) if row.held => (row.attempts, reason, false),
            Verdict::Outage(reason) => {
                let row = row.id;
                self.settlement.outage.get_or_insert(Outage { row, reason });
                queue.state = State::Frozen;
                return;
            }
        };
        let hold_the_rest = !quarantine || self.policy.hold_after_quarantine;
        let Some(row) = queue.rows.pop_front() else { return };
        let fate = if quarantine { Fate::Quarantine } else { Fate::Retry };
        self.settlement.promote(row.lane, &row.key);
        if hold_the_rest {
            queue.state = State::Failed;
        }
        let held = row.held;
        let failure = failure(row, attempts, Some(reason), fate);
        if held { self.settlement.again.push(failure) } else { self.settlement.hold.push(failure) }
    }
}

impl Settlement {
    fn promote(&mut self, lane: i16, key: &str) {
        self.promote.insert((lane, key.to_owned()));
    }
}

fn failure(row: Row, attempts: u32, reason: Option<String>, fate: Fate) -> Failure {
    Failure { lane: row.lane, key: row.key, id: row.id, attempts, reason, fate }
}
