use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::store::Head;

/// Held keys that are looked at in one turn.
const HELD_KEYS: usize = 64;

/// Keys that must not go on, as the table has them.
#[derive(Debug, Default)]
pub(super) struct Blocked {
    keys: HashSet<String>,
    /// Keys whose time has come.
    due: Vec<(i16, String)>,
    next_due: Option<Instant>,
    stale: bool,
}

impl Blocked {
    /// What the table says at this moment.
    pub(super) fn read(heads: Vec<Head>) -> Self {
        let now = Instant::now();
        let waits = |ms: i64| now + Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        let mut blocked = Self::default();
        for head in heads {
            match head.due_in_ms {
                Some(ms) if ms <= 0 && blocked.due.len() < HELD_KEYS => {
                    blocked.due.push((head.lane, head.key.clone()));
                }
                Some(ms) => {
                    blocked.next_due = Some(blocked.next_due.map_or(waits(ms), |next| next.min(waits(ms))));
                }
                None => {}
            }
            blocked.keys.insert(head.key);
        }
        // A key can have two heads after a replay; it has one turn.
        blocked.due.sort();
        blocked.due.dedup();
        blocked
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    /// The table may say something else by now.
    pub(super) fn grow_stale(&mut self) {
        self.stale = true;
    }

    pub(super) fn must_be_read(&self) -> bool {
        self.stale || self.next_due.is_some_and(|due| due <= Instant::now())
    }

    /// The keys whose time has come. Whatever becomes of them, the table is to be read again afterwards.
    pub(super) fn take_due(&mut self) -> Vec<(i16, String)> {
        self.stale |= !self.due.is_empty();
        std::mem::take(&mut self.due)
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.next_due
    }
}
