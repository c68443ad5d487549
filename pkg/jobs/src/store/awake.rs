use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// For how long a queue counts as awake. Workers that have asked for a NOTIFY poll once more after three times as long.
const AWAKE: Duration = Duration::from_millis(20);

/// Queues whose workers need no NOTIFY, as far as this process knows: the next enqueues do not ask the database.
#[derive(Debug, Default)]
pub(crate) struct AwakeQueues(Mutex<HashMap<String, Instant>>);

impl AwakeQueues {
    pub(super) fn has(&self, queue: &str, now: Instant) -> bool {
        self.queues().get(queue).is_some_and(|asked| now < *asked + AWAKE)
    }

    /// Nobody has asked for a NOTIFY.
    pub(super) fn note(&self, queue: &str, now: Instant) {
        self.queues().insert(queue.to_owned(), now);
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_awake_for_a_while() {
        let (queues, now) = (AwakeQueues::default(), Instant::now());
        assert!(!queues.has("main", now));
        queues.note("main", now);
        assert!(queues.has("main", now + AWAKE / 2) && !queues.has("other", now));
        assert!(!queues.has("main", now + AWAKE));
    }
}
