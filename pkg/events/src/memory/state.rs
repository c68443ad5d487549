use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use super::MemorySettings;
use super::durable::Durable;
use crate::{DeadLetter, Event, EventsError, PublishReceipt};

/// How many message ids are remembered at most, whatever the duplicate window.
const MAX_MESSAGE_IDS: usize = 1_000_000;

/// An event in the log.
pub(super) struct Stored {
    pub(super) sequence: u64,
    pub(super) event: Arc<Event>,
    /// A replay is for one subscription.
    pub(super) only_for: Option<Arc<str>>,
}

/// What a fetch found: position, event and attempt of each, and when to look again if there are none.
#[derive(Default)]
pub(super) struct Fetched {
    pub(super) messages: Vec<(u64, Arc<Event>, u32)>,
    pub(super) due: Option<Instant>,
}

/// Everything behind the lock. No method waits, so the lock is held for microseconds.
pub(super) struct State {
    log: VecDeque<Stored>,
    next_sequence: u64,
    message_ids: HashMap<Box<str>, u64>,
    message_ids_by_age: VecDeque<(Instant, Box<str>)>,
    pub(super) durables: HashMap<Arc<str>, Durable>,
    pub(super) dead_letters: BTreeMap<u64, DeadLetter>,
    next_dead_letter: u64,
    pub(super) closed: bool,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            log: VecDeque::new(),
            next_sequence: 1,
            message_ids: HashMap::new(),
            message_ids_by_age: VecDeque::new(),
            durables: HashMap::new(),
            dead_letters: BTreeMap::new(),
            next_dead_letter: 1,
            closed: false,
        }
    }

    /// Appends to the log, unless the message id is known.
    pub(super) fn append(
        &mut self,
        settings: &MemorySettings,
        message_id: Box<str>,
        event: Arc<Event>,
        only_for: Option<Arc<str>>,
    ) -> Result<PublishReceipt, EventsError> {
        let now = Instant::now();
        self.forget_message_ids(now, settings);
        if let Some(sequence) = self.message_ids.get(&message_id) {
            return Ok(PublishReceipt::new(*sequence, true));
        }
        if self.log.len() >= settings.max_events {
            self.make_room()?;
        }
        let sequence = self.next_sequence;
        self.next_sequence = self.next_sequence.saturating_add(1);
        self.message_ids.insert(message_id.clone(), sequence);
        self.message_ids_by_age.push_back((now, message_id));
        let stored = Stored { sequence, event, only_for };
        for (name, durable) in &self.durables {
            if durable.members > 0 && durable.wants(name, &stored) {
                durable.wake.notify_one();
            }
        }
        self.log.push_back(stored);
        Ok(PublishReceipt::new(sequence, false))
    }

    /// Up to `max` messages for a durable name.
    pub(super) fn fetch(&mut self, name: &str, max: usize) -> Fetched {
        let Self { log, durables, next_sequence, .. } = self;
        let Some(durable) = durables.get_mut(name) else { return Fetched::default() };
        let first = log.front().map_or(*next_sequence, |stored| stored.sequence);
        let lookup = |sequence: u64| {
            sequence
                .checked_sub(first)
                .and_then(|offset| log.get(usize::try_from(offset).unwrap_or(usize::MAX)))
        };
        let mut messages = Vec::new();
        while messages.len() < max {
            let Some((stored, attempt)) = durable.take(name, *next_sequence, lookup) else { break };
            messages.push((stored.sequence, Arc::clone(&stored.event), attempt));
        }
        Fetched { messages, due: durable.next_due() }
    }

    pub(super) fn put_aside(
        &mut self,
        subscription: &str,
        sequence: u64,
        event: &Event,
        reason: String,
        attempts: u32,
    ) {
        let id = self.next_dead_letter;
        self.next_dead_letter = self.next_dead_letter.saturating_add(1);
        let letter = DeadLetter {
            id,
            subscription: subscription.to_owned(),
            reason,
            attempts,
            time: SystemTime::now(),
            ty: event.ty().to_owned(),
            sequence,
            headers: Vec::new(),
            payload: event.to_json(),
            complete: true,
        };
        self.dead_letters.insert(id, letter);
    }

    pub(super) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    pub(super) fn events(&self) -> impl Iterator<Item = &Stored> {
        self.log.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.log.len()
    }

    fn make_room(&mut self) -> Result<(), EventsError> {
        let oldest = self.log.front().map_or(0, |stored| stored.sequence);
        let needed = self.durables.values().any(|durable| durable.members > 0 && durable.floor() <= oldest);
        if needed {
            return Err(EventsError::StreamFull);
        }
        self.log.pop_front();
        Ok(())
    }

    fn forget_message_ids(&mut self, now: Instant, settings: &MemorySettings) {
        while let Some((since, _)) = self.message_ids_by_age.front() {
            let old = now.saturating_duration_since(*since) >= settings.duplicate_window;
            if !old && self.message_ids_by_age.len() < MAX_MESSAGE_IDS {
                return;
            }
            if let Some((_, id)) = self.message_ids_by_age.pop_front() {
                self.message_ids.remove(&id);
            }
        }
    }
}
