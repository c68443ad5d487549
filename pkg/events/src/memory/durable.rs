use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::log::StoredEvent;
use crate::{Lag, Order, StartPosition, SubscribeOptions, TypePattern};

/// How often a subscription that reached its limit looks for a message.
const POLL_WHEN_FULL: Duration = Duration::from_millis(100);

/// The state of one durable name: its position, what is in flight, and what waits to be delivered again.
pub(super) struct Durable {
    patterns: Vec<TypePattern>,
    strict: bool,
    /// How many events may be delivered and not acknowledged.
    max_unacknowledged: usize,
    /// The next position that was never looked at.
    cursor: u64,
    /// Positions to deliver again now, with the attempts so far.
    ready: BTreeMap<u64, u32>,
    /// Positions to deliver again later.
    delayed: BTreeSet<(Instant, u64)>,
    /// The attempts of what is delayed.
    delayed_attempts: HashMap<u64, u32>,
    in_flight: BTreeMap<u64, u32>,
    /// Subscriptions of this name that run.
    pub(super) members: usize,
    pub(super) wake: Arc<Notify>,
    /// An event was published for it since it was last woken.
    pub(super) wake_pending: bool,
}

impl Durable {
    pub(super) fn new(options: &SubscribeOptions, next_sequence: u64) -> Self {
        Self::restored(match options.start {
            StartPosition::Oldest => 1,
            StartPosition::Next => next_sequence,
            StartPosition::Sequence(sequence) => sequence,
        })
    }

    /// A durable at this position, without options.
    pub(super) fn restored(cursor: u64) -> Self {
        Self {
            patterns: Vec::new(),
            strict: false,
            max_unacknowledged: usize::MAX,
            cursor,
            ready: BTreeMap::new(),
            delayed: BTreeSet::new(),
            delayed_attempts: HashMap::new(),
            in_flight: BTreeMap::new(),
            members: 0,
            wake: Arc::new(Notify::new()),
            wake_pending: false,
        }
    }

    /// What was handed out before a restart, and will be again.
    pub(super) fn restore(&mut self, sequence: u64, attempts: u32) {
        self.cursor = self.cursor.max(sequence.saturating_add(1));
        self.ready.insert(sequence, attempts);
    }

    /// Forgets an event that was acknowledged or dead-lettered before a restart.
    pub(super) fn forget(&mut self, sequence: u64) {
        self.ready.remove(&sequence);
    }

    pub(super) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Everything delivered and not completed, with its attempts.
    pub(super) fn pending(&self) -> impl Iterator<Item = (u64, u32)> {
        let delayed = self.delayed_attempts.iter().map(|(sequence, attempts)| (*sequence, *attempts));
        let pairs = |map: &'_ BTreeMap<u64, u32>| map.iter().map(|(k, v)| (*k, *v)).collect::<Vec<_>>();
        delayed.chain(pairs(&self.ready)).chain(pairs(&self.in_flight))
    }

    /// What is delivered from now on.
    pub(super) fn configure(&mut self, options: &SubscribeOptions, patterns: Vec<TypePattern>) {
        self.patterns = patterns;
        self.strict = options.order == Order::Strict;
        self.max_unacknowledged = options.max_unacknowledged();
    }

    pub(super) fn wants(&self, name: &str, stored: &StoredEvent) -> bool {
        match &stored.only_for {
            Some(target) => **target == *name,
            None => self.patterns.is_empty() || self.patterns.iter().any(|p| p.matches(stored.event.ty())),
        }
    }

    /// Moves the cursor past an event that was just stored and is not wanted, if the cursor is at that event.
    pub(super) fn pass(&mut self, stored: &StoredEvent) {
        if !self.wake_pending && self.cursor == stored.sequence {
            self.cursor = self.cursor.saturating_add(1);
        }
    }

    /// Nothing is left before this position.
    pub(super) fn skip_to(&mut self, first: u64) {
        self.cursor = self.cursor.max(first);
    }

    /// The next position to deliver with its attempt, or none. `lookup` reads the log; `None` is a position whose event was evicted.
    pub(super) fn take<'a>(
        &mut self,
        name: &str,
        end: u64,
        lookup: impl Fn(u64) -> Option<&'a StoredEvent>,
    ) -> Option<(&'a StoredEvent, u32)> {
        if self.strict && !self.in_flight.is_empty() {
            return None;
        }
        self.wake_delayed();
        // Redeliveries first: they are older.
        while let Some((sequence, attempts)) = self.ready.pop_first() {
            if let Some(stored) = lookup(sequence) {
                return Some(self.send(stored, attempts.saturating_add(1)));
            }
        }
        while self.cursor < end && !self.is_full() {
            let found = lookup(self.cursor);
            self.cursor = self.cursor.saturating_add(1);
            if let Some(stored) = found.filter(|stored| self.wants(name, stored)) {
                return Some(self.send(stored, 1));
            }
        }
        None
    }

    /// Ends the delivery of an event; returns whether it was in flight.
    pub(super) fn complete(&mut self, sequence: u64) -> bool {
        let known = self.in_flight.remove(&sequence).is_some();
        // Only with strict order does the next event wait for this one.
        if self.strict {
            self.wake.notify_one();
        }
        known
    }

    pub(super) fn retry(&mut self, sequence: u64, at: Instant) {
        if let Some(attempts) = self.in_flight.remove(&sequence) {
            self.delayed.insert((at, sequence));
            self.delayed_attempts.insert(sequence, attempts);
            self.wake.notify_one();
        }
    }

    /// Gives back a message that no handler saw to its end: this delivery does not count. Returns those that do.
    pub(super) fn release(&mut self, sequence: u64) -> Option<u32> {
        let attempts = self.in_flight.remove(&sequence)?.saturating_sub(1);
        self.ready.insert(sequence, attempts);
        self.wake.notify_one();
        Some(attempts)
    }

    /// Whether so many events are delivered and not acknowledged that no other is delivered.
    pub(super) fn is_full(&self) -> bool {
        self.unacknowledged() >= self.max_unacknowledged
    }

    pub(super) fn unacknowledged(&self) -> usize {
        self.in_flight.len() + self.ready.len() + self.delayed.len()
    }

    /// When to look again: when the next delayed message is due, or soon if the limit was reached, since
    /// acknowledgements do not wake the subscription.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let soon = (self.is_full() && !self.strict).then(|| Instant::now() + POLL_WHEN_FULL);
        let due = self.delayed.first().map(|(at, _)| *at);
        [soon, due].into_iter().flatten().min()
    }

    /// Whether an event is still to be delivered or completed. An event that it does not want is never needed, also before the
    /// cursor has passed it.
    pub(super) fn needs(&self, name: &str, stored: &StoredEvent) -> bool {
        let sequence = stored.sequence;
        (self.cursor <= sequence && self.wants(name, stored))
            || self.ready.contains_key(&sequence)
            || self.in_flight.contains_key(&sequence)
            || self.delayed_attempts.contains_key(&sequence)
    }

    /// `unseen` are the events from the cursor on.
    pub(super) fn lag<'a>(&self, name: &str, unseen: impl Iterator<Item = &'a StoredEvent>) -> Lag {
        let unseen = unseen.filter(|stored| self.wants(name, stored)).count();
        let again = self.ready.len() + self.delayed.len();
        let repeated = self.in_flight.values().filter(|attempts| **attempts > 1).count();
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Lag::new(count(unseen), count(self.unacknowledged()), count(repeated + again))
    }

    fn send<'a>(&mut self, stored: &'a StoredEvent, attempt: u32) -> (&'a StoredEvent, u32) {
        self.in_flight.insert(stored.sequence, attempt);
        (stored, attempt)
    }

    fn wake_delayed(&mut self) {
        if self.delayed.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some((_, sequence)) = self.delayed.first().copied().filter(|(at, _)| *at <= now) {
            self.delayed.pop_first();
            let attempts = self.delayed_attempts.remove(&sequence).unwrap_or(1);
            self.ready.insert(sequence, attempts);
        }
    }
}
