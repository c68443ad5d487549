use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::Notify;
use tokio::time::Instant;
use underpin_journal::{Journal, JournalError};

use super::durable::Durable;
use super::log::{Appended, Replay, StoredEvent};
use super::message_ids::MessageIds;
use super::record::{DeadLetterRecord, Record, millis};
use super::settings::MemorySettings;
use crate::{DeadLetter, Event, EventsError, PublishReceipt, SubscribeOptions, TypePattern};

/// What a fetch found: position, event and attempt of each, and when to look again if there are none.
#[derive(Default)]
pub(super) struct Fetched {
    pub(super) messages: Vec<(u64, Arc<Event>, u32)>,
    pub(super) due: Option<Instant>,
}

/// The state of a bus. No method waits except for writes of the journal to the operating system, so that the lock is held for
/// microseconds.
pub(super) struct BusState {
    pub(super) log: VecDeque<StoredEvent>,
    pub(super) next_sequence: u64,
    pub(super) message_ids: MessageIds,
    pub(super) durables: HashMap<Arc<str>, Durable>,
    pub(super) dead_letters: BTreeMap<u64, DeadLetter>,
    pub(super) next_dead_letter: u64,
    pub(super) closed: bool,
    pub(super) journal: Option<Journal>,
}

impl BusState {
    pub(super) fn new() -> Self {
        Self {
            log: VecDeque::new(),
            next_sequence: 1,
            message_ids: MessageIds::new(),
            durables: HashMap::new(),
            dead_letters: BTreeMap::new(),
            next_dead_letter: 1,
            closed: false,
            journal: None,
        }
    }

    /// Appends to the log, unless the message id is known: that of the event, or that of a replay. Where there is no room,
    /// `catch_up` may make some.
    pub(super) fn append(
        &mut self,
        settings: &MemorySettings,
        now: Instant,
        event: Arc<Event>,
        replay: Option<Replay>,
        catch_up: impl FnOnce(&mut Self),
    ) -> Result<Appended, EventsError> {
        let window = settings.duplicate_window;
        let mut room = self.room(settings);
        if room.is_err() {
            catch_up(self);
            room = self.room(settings);
        }
        let known = self.message_ids.lookup(now, window, |text| {
            text.push_str(replay.as_ref().map_or("", |replay| &replay.prefix));
            event.write_message_id(text);
        });
        if let Some(sequence) = known {
            return Ok(Appended { receipt: PublishReceipt::new(sequence, true), evicted: None });
        }
        let dropped = room?;
        let only_for = replay.map(|replay| replay.only_for);
        let stored = StoredEvent { sequence: self.next_sequence, event, only_for };
        if let Some(journal) = &mut self.journal {
            let event = stored.record(Some((self.message_ids.looked_up(), millis(SystemTime::now()))));
            let dropped = dropped.map(|sequence| Record::Dropped { sequence });
            journal.append(dropped.into_iter().chain([event])).map_err(not_stored)?;
        }
        let evicted = dropped.and_then(|_| self.log.pop_front());
        self.next_sequence = self.next_sequence.saturating_add(1);
        self.message_ids.insert(now, window, stored.sequence);
        for (name, durable) in &mut self.durables {
            if durable.members > 0 && !durable.wake_pending {
                durable.wake_pending = durable.wants(name, &stored);
                durable.pass(&stored);
            }
        }
        let receipt = PublishReceipt::new(stored.sequence, false);
        self.log.push_back(stored);
        self.compact();
        Ok(Appended { receipt, evicted })
    }

    /// The subscriptions that have something to fetch since this was last called. They are woken once the lock is free: they would
    /// only wait for it.
    pub(super) fn take_woken(&mut self) -> Vec<Arc<Notify>> {
        let woken = |durable: &mut Durable| {
            std::mem::take(&mut durable.wake_pending).then(|| Arc::clone(&durable.wake))
        };
        self.durables.values_mut().filter_map(woken).collect()
    }

    /// The durable of a name, made on its first subscription.
    pub(super) fn join(
        &mut self,
        options: &SubscribeOptions,
        patterns: Vec<TypePattern>,
    ) -> Result<&mut Durable, EventsError> {
        let name: Arc<str> = options.name.as_str().into();
        if !self.durables.contains_key(&name) {
            let durable = Durable::new(options, self.next_sequence);
            if let Some(journal) = &mut self.journal {
                let record = Record::Subscription { name: (&*name).into(), cursor: durable.cursor() };
                journal.append([record]).map_err(not_stored)?;
            }
            self.durables.insert(Arc::clone(&name), durable);
        }
        let durable = self.durables.get_mut(&name).ok_or(EventsError::Closed)?;
        // A later subscription of the same name decides what is delivered from now on.
        durable.configure(options, patterns);
        durable.members += 1;
        Ok(durable)
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
        durable.skip_to(first);
        let mut messages = Vec::new();
        while messages.len() < max {
            let Some((stored, attempt)) = durable.take(name, *next_sequence, lookup) else { break };
            messages.push((stored.sequence, Arc::clone(&stored.event), attempt));
        }
        let due = durable.next_due();
        self.note(|| messages.iter().map(|(sequence, _, attempt)| taken(name, *sequence, *attempt)));
        Fetched { messages, due }
    }

    /// Notes that a subscription has handled these events.
    pub(super) fn acknowledge(&mut self, name: &str, sequences: impl IntoIterator<Item = u64>) {
        let Some(durable) = self.durables.get_mut(name) else { return };
        let known: Vec<u64> = sequences.into_iter().filter(|sequence| durable.complete(*sequence)).collect();
        self.note(|| {
            known.iter().map(|sequence| Record::Completed { name: name.into(), sequence: *sequence })
        });
    }

    /// Delivers an event again, not before `at`.
    pub(super) fn retry(&mut self, name: &str, sequence: u64, at: Instant) {
        if let Some(durable) = self.durables.get_mut(name) {
            durable.retry(sequence, at);
        }
    }

    /// Takes back an event whose handler did not finish.
    pub(super) fn release(&mut self, name: &str, sequence: u64) {
        if let Some(attempts) = self.durables.get_mut(name).and_then(|durable| durable.release(sequence)) {
            self.note(|| [taken(name, sequence, attempts)]);
        }
    }

    /// Moves an event from its subscription to the dead letters; returns how many older ones were dropped for it.
    pub(super) fn dead_letter(
        &mut self,
        name: &str,
        sequence: u64,
        event: &Event,
        reason: String,
        attempts: u32,
        most: usize,
    ) -> usize {
        if !self.durables.get_mut(name).is_some_and(|durable| durable.complete(sequence)) {
            return 0;
        }
        let id = self.next_dead_letter;
        self.next_dead_letter = self.next_dead_letter.saturating_add(1);
        let dead_letter = DeadLetter {
            id,
            subscription: name.to_owned(),
            reason,
            attempts,
            time: SystemTime::now(),
            ty: event.ty().to_owned(),
            sequence,
            headers: Vec::new(),
            raw_headers: None,
            payload: event.to_json(),
            complete: true,
        };
        let record = self.journal.as_ref().and_then(|_| DeadLetterRecord::of(&dead_letter));
        let record = record.map(|dead_letter| Record::DeadLetter(std::borrow::Cow::Owned(dead_letter)));
        self.dead_letters.insert(id, dead_letter);
        self.note(|| record);
        self.drop_oldest_dead_letters(most)
    }

    /// Keeps at most `most` dead letters; returns how many were dropped.
    pub(super) fn drop_oldest_dead_letters(&mut self, most: usize) -> usize {
        let mut dropped = 0;
        while self.dead_letters.len() > most
            && let Some(id) = self.dead_letters.first_key_value().map(|(id, _)| *id)
        {
            dropped += usize::from(self.remove_dead_letter(id));
        }
        dropped
    }

    /// Removes a dead letter; returns whether it was there.
    pub(super) fn remove_dead_letter(&mut self, id: u64) -> bool {
        let known = self.dead_letters.remove(&id).is_some();
        if known {
            self.note(|| [Record::DeadLetterGone { id }]);
        }
        known
    }

    /// The events from this position on.
    pub(super) fn events_from(&self, sequence: u64) -> impl Iterator<Item = &StoredEvent> {
        let first = self.log.front().map_or(0, |stored| stored.sequence);
        let skipped = usize::try_from(sequence.saturating_sub(first)).unwrap_or(usize::MAX);
        self.log.range(skipped.min(self.log.len())..)
    }

    pub(super) fn len(&self) -> usize {
        self.log.len()
    }

    /// Journals a change that the state has already made, since compaction writes the state. A failure is logged by the journal and
    /// returned by the next publish.
    fn note<'a, R: IntoIterator<Item = Record<'a>>>(&mut self, records: impl FnOnce() -> R) {
        if let Some(journal) = &mut self.journal {
            drop(journal.append(records()));
            self.compact();
        }
    }

    /// The position of the event that has to go for another one, if any has to; an error if it cannot.
    fn room(&self, settings: &MemorySettings) -> Result<Option<u64>, EventsError> {
        if self.log.len() < settings.max_events { Ok(None) } else { self.oldest_unneeded().map(Some) }
    }

    /// The position of the oldest event, unless a running subscription still needs it.
    fn oldest_unneeded(&self) -> Result<u64, EventsError> {
        let Some(oldest) = self.log.front() else { return Ok(0) };
        let needed =
            self.durables.iter().any(|(name, durable)| durable.members > 0 && durable.needs(name, oldest));
        if needed { Err(EventsError::StreamFull) } else { Ok(oldest.sequence) }
    }
}

fn not_stored(error: JournalError) -> EventsError {
    EventsError::backend("journal", error)
}

pub(super) fn taken(name: &str, sequence: u64, attempt: u32) -> Record<'_> {
    Record::Taken { name: name.into(), sequence, attempt }
}
