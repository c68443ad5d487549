use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

/// Held keys that are retried in one poll cycle.
const MOST_DUE: usize = 64;

/// The first held row of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlockedHead {
    pub(super) partition: i16,
    pub(super) key: String,
    /// In how many milliseconds it is due; never, when an operator must act first.
    pub(super) due_in_ms: Option<i64>,
}

/// Keys with held rows, as the table had them at the last read.
#[derive(Debug, Default)]
pub(super) struct BlockedKeys {
    keys: HashSet<String>,
    due: Vec<(i16, String)>,
    next_due: Option<Instant>,
    /// Whether some of them wait for a retry, and not for an operator.
    has_retries: bool,
    is_stale: bool,
}

impl BlockedKeys {
    /// What the table has now.
    pub(super) fn read(heads: Vec<BlockedHead>) -> Self {
        let now = Instant::now();
        let waits = |ms: i64| now + Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        let mut blocked = Self::default();
        for head in heads {
            blocked.has_retries |= head.due_in_ms.is_some();
            match head.due_in_ms {
                Some(ms) if ms <= 0 && blocked.due.len() < MOST_DUE => {
                    blocked.due.push((head.partition, head.key.clone()));
                }
                Some(ms) => {
                    blocked.next_due = Some(blocked.next_due.map_or(waits(ms), |next| next.min(waits(ms))));
                }
                None => {}
            }
            blocked.keys.insert(head.key);
        }
        // A key can have two heads after a replay; it is retried once.
        blocked.due.sort();
        blocked.due.dedup();
        blocked
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn has_retries(&self) -> bool {
        self.has_retries
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    /// The table may have changed.
    pub(super) fn invalidate(&mut self) {
        self.is_stale = true;
    }

    pub(super) fn must_be_read(&self) -> bool {
        self.is_stale || self.next_due.is_some_and(|due| due <= Instant::now())
    }

    /// The keys that are due. The table is to be read again afterwards.
    pub(super) fn take_due(&mut self) -> Vec<(i16, String)> {
        self.is_stale |= !self.due.is_empty();
        std::mem::take(&mut self.due)
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.next_due
    }
}
