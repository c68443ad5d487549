use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use hashbrown::HashTable;
use tokio::time::Instant;

/// How many message ids are remembered at most, whatever the duplicate window.
const MAX: usize = 1_000_000;

/// The message ids of the duplicate window, so that a repeat is dropped.
///
/// They are kept in two generations: a new id goes into the young one, and once that is full or as old as the window, the old
/// one is cleared and the young one becomes the old one. No id is removed by itself, and none has its own allocation.
pub(super) struct MessageIds {
    hashing: RandomState,
    young: Generation,
    old: Generation,
    /// The id of the last lookup, and its hash.
    looked_up: String,
    hash: u64,
}

/// In the order of their arrival, their texts behind each other.
#[derive(Default)]
struct Generation {
    ids: Vec<Id>,
    text: String,
    /// Positions in `ids`.
    index: HashTable<u32>,
}

struct Id {
    hash: u64,
    /// Where its text begins and ends.
    start: usize,
    end: usize,
    sequence: u64,
    seen: Instant,
}

impl MessageIds {
    pub(super) fn new() -> Self {
        Self {
            hashing: RandomState::new(),
            young: Generation::default(),
            old: Generation::default(),
            looked_up: String::new(),
            hash: 0,
        }
    }

    /// The position of the event that had the id which `write` writes, if that was within the window.
    pub(super) fn lookup(
        &mut self,
        now: Instant,
        window: Duration,
        write: impl FnOnce(&mut String),
    ) -> Option<u64> {
        self.looked_up.clear();
        write(&mut self.looked_up);
        self.hash = self.hashing.hash_one(self.looked_up.as_str());
        let fresh = |id: &&Id| now.saturating_duration_since(id.seen) < window;
        [&self.young, &self.old].into_iter().find_map(|generation| {
            generation.find(self.hash, &self.looked_up).filter(fresh).map(|id| id.sequence)
        })
    }

    /// The id of the last lookup.
    pub(super) fn looked_up(&self) -> &str {
        &self.looked_up
    }

    /// Inserts the id of the last lookup, which found nothing.
    pub(super) fn insert(&mut self, seen: Instant, window: Duration, sequence: u64) {
        let since = self.young.ids.first().map(|first| seen.saturating_duration_since(first.seen));
        if since.is_some_and(|since| since >= window) || self.young.ids.len() >= MAX / 2 {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        self.young.add(self.hash, &self.looked_up, seen, sequence);
    }

    /// Each id with its position and when it was seen; the oldest come first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, u64, Instant)> {
        [&self.old, &self.young].into_iter().flat_map(|generation| {
            generation.ids.iter().map(|id| (generation.text_of(id), id.sequence, id.seen))
        })
    }
}

impl Generation {
    fn find(&self, hash: u64, text: &str) -> Option<&Id> {
        let at = |position: &u32| self.ids.get(usize::try_from(*position).ok()?);
        let same =
            |position: &u32| at(position).is_some_and(|id| id.hash == hash && self.text_of(id) == text);
        self.index.find(hash, same).and_then(at)
    }

    fn add(&mut self, hash: u64, text: &str, seen: Instant, sequence: u64) {
        let Ok(position) = u32::try_from(self.ids.len()) else { return };
        let start = self.text.len();
        self.text.push_str(text);
        self.ids.push(Id { hash, start, end: self.text.len(), sequence, seen });
        let ids = &self.ids;
        let hash_of = |position: &u32| ids.get(*position as usize).map_or(0, |id| id.hash);
        self.index.insert_unique(hash, position, hash_of);
    }

    fn text_of(&self, id: &Id) -> &str {
        self.text.get(id.start..id.end).unwrap_or_default()
    }

    fn clear(&mut self) {
        self.ids.clear();
        self.text.clear();
        self.index.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(120);

    fn lookup(ids: &mut MessageIds, now: Instant, id: &str) -> Option<u64> {
        ids.lookup(now, WINDOW, |text| text.push_str(id))
    }

    #[test]
    fn an_id_is_known_for_the_window_and_not_longer() {
        let (mut ids, start) = (MessageIds::new(), Instant::now());
        for n in 0..240 {
            let now = start + Duration::from_secs(n);
            // Each id comes again after 100 and after 121 seconds, also where generations change in between.
            assert_eq!(
                n.checked_sub(100).and_then(|past| lookup(&mut ids, now, &past.to_string())),
                n.checked_sub(100)
            );
            if let Some(past) = n.checked_sub(121) {
                assert_eq!(lookup(&mut ids, now, &past.to_string()), None);
            }
            assert_eq!(lookup(&mut ids, now, &n.to_string()), None);
            ids.insert(now, WINDOW, n);
        }
        let kept: Vec<_> = ids.iter().map(|(_, sequence, _)| sequence).collect();
        assert!(kept.is_sorted() && kept.len() <= 240 && kept.ends_with(&[237, 238, 239]), "{kept:?}");
    }

    #[test]
    fn an_id_after_the_window_is_new_and_then_known() {
        let (mut ids, start) = (MessageIds::new(), Instant::now());
        for round in 0..5 {
            let now = start + WINDOW * round;
            assert_eq!(lookup(&mut ids, now, "a"), None);
            ids.insert(now, WINDOW, u64::from(round));
            assert_eq!(lookup(&mut ids, now + WINDOW / 2, "a"), Some(u64::from(round)));
        }
    }

    #[test]
    fn half_a_million_are_always_known_and_a_million_never_exceeded() {
        let (mut ids, now) = (MessageIds::new(), Instant::now());
        for n in 0..1_600_000_u64 {
            assert_eq!(lookup(&mut ids, now, &n.to_string()), None);
            ids.insert(now, WINDOW, n);
            if n % 100_000 == 99_999 {
                let past = (n + 1).saturating_sub(MAX as u64 / 2);
                assert_eq!(lookup(&mut ids, now, &past.to_string()), Some(past));
                assert!(ids.iter().count() <= MAX);
            }
        }
    }
}
