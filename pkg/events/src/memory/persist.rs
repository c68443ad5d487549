//! The state as records of the journal, and the records as state.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use underpin_journal::JournalError;

use super::durable::Durable;
use super::log::StoredEvent;
use super::record::{DeadLetterRecord, Record, millis};
use super::settings::MemorySettings;
use super::state::{BusState, taken};

impl StoredEvent {
    pub(super) fn record<'a>(&'a self, message_id: Option<(&'a str, u64)>) -> Record<'a> {
        Record::Event {
            sequence: self.sequence,
            message_id: message_id.map(|(id, at)| (Cow::Borrowed(id), at)),
            only_for: self.only_for.as_deref().map(Cow::Borrowed),
            event: Cow::Borrowed(&self.event),
        }
    }
}

impl BusState {
    /// Applies a record.
    pub(super) fn restore(
        &mut self,
        record: Record<'_>,
        settings: &MemorySettings,
    ) -> Result<(), JournalError> {
        match record {
            Record::Next { sequence, dead_letter } => {
                (self.next_sequence, self.next_dead_letter) = (sequence, dead_letter);
            }
            Record::Event { sequence, message_id, only_for, event } => {
                // Positions in the log are found by counting.
                if self.log.back().is_some_and(|last| last.sequence.saturating_add(1) != sequence) {
                    return Err(JournalError::record("an event is missing"));
                }
                if let Some((id, at)) = message_id {
                    self.restore_message_id(&id, at, sequence, settings);
                }
                let (event, only_for) = (Arc::new(event.into_owned()), only_for.as_deref().map(Arc::from));
                self.log.push_back(StoredEvent { sequence, event, only_for });
                self.next_sequence = sequence.saturating_add(1);
            }
            Record::MessageId { sequence, at, message_id } => {
                self.restore_message_id(&message_id, at, sequence, settings);
            }
            Record::Dropped { sequence } => drop(self.log.pop_front_if(|oldest| oldest.sequence == sequence)),
            Record::Subscription { name, cursor } => {
                self.durables.insert(Arc::from(&*name), Durable::restored(cursor));
            }
            Record::Taken { name, sequence, attempt } => {
                if let Some(durable) = self.durables.get_mut(&*name) {
                    durable.restore(sequence, attempt);
                }
            }
            Record::Completed { name, sequence } => self.forget(&name, sequence),
            Record::DeadLetter(dead_letter) => {
                let dead_letter: crate::DeadLetter = dead_letter.into_owned().into();
                self.forget(&dead_letter.subscription, dead_letter.sequence);
                self.next_dead_letter = self.next_dead_letter.max(dead_letter.id.saturating_add(1));
                self.dead_letters.insert(dead_letter.id, dead_letter);
            }
            Record::DeadLetterGone { id } => drop(self.dead_letters.remove(&id)),
        }
        Ok(())
    }

    /// Compacts the journal when most of it is obsolete.
    pub(super) fn compact(&mut self) {
        if self.journal.as_ref().is_some_and(underpin_journal::Journal::is_large) {
            let Some(mut journal) = self.journal.take() else { return };
            journal.rewrite(self.records());
            self.journal = Some(journal);
        }
    }

    /// Records of the whole state.
    fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let (now, clock) = (Instant::now(), SystemTime::now());
        let written = move |since: Instant| {
            millis(clock.checked_sub(now.saturating_duration_since(since)).unwrap_or(SystemTime::UNIX_EPOCH))
        };
        let ids = self.message_ids.iter().map(move |(id, sequence, seen)| Record::MessageId {
            sequence,
            at: written(seen),
            message_id: id.into(),
        });
        let durables = self.durables.iter().flat_map(|(name, durable)| {
            let pending = durable.pending().map(|(sequence, attempts)| taken(name, sequence, attempts));
            [Record::Subscription { name: (&**name).into(), cursor: durable.cursor() }]
                .into_iter()
                .chain(pending)
        });
        let dead_letters = self.dead_letters.values().filter_map(DeadLetterRecord::of);
        let next = Record::Next { sequence: self.next_sequence, dead_letter: self.next_dead_letter };
        [next]
            .into_iter()
            .chain(ids)
            .chain(self.log.iter().map(|stored| stored.record(None)))
            .chain(durables)
            .chain(dead_letters.map(|dead_letter| Record::DeadLetter(Cow::Owned(dead_letter))))
    }

    fn forget(&mut self, name: &str, sequence: u64) {
        if let Some(durable) = self.durables.get_mut(name) {
            durable.forget(sequence);
        }
    }

    fn restore_message_id(&mut self, id: &str, at: u64, sequence: u64, settings: &MemorySettings) {
        let age = Duration::from_millis(millis(SystemTime::now()).saturating_sub(at));
        let (now, window) = (Instant::now(), settings.duplicate_window);
        if age < window {
            self.message_ids.lookup(now, window, |text| text.push_str(id));
            self.message_ids.insert(now.checked_sub(age).unwrap_or(now), window, sequence);
        }
    }
}
