use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::in_flight::Counts;
use crate::store::{Claim, ClaimKind, ClaimQueue, KnownKind};
use crate::{JobRoute, JobsError};

/// The kinds and queues of a process, with their limits.
#[derive(Debug, Clone)]
pub(super) struct Routes {
    by_kind: HashMap<&'static str, JobRoute>,
    /// Attempts at once in each queue.
    queues: BTreeMap<&'static str, usize>,
}

impl Routes {
    pub(super) fn new(
        routes: Vec<JobRoute>,
        limits: &[(&'static str, usize)],
        default_limit: usize,
    ) -> Result<Self, JobsError> {
        let wrong = |key: &str, problem| Err(JobsError::Setting { key: key.to_owned(), problem });
        let mut queues: BTreeMap<&'static str, usize> = BTreeMap::new();
        let mut by_kind = HashMap::new();
        for route in routes {
            queues.insert(route.options.queue, default_limit);
            let kind = route.kind;
            if by_kind.insert(kind, route).is_some() {
                return wrong(kind, "has two handlers");
            }
        }
        for (queue, limit) in limits {
            match queues.get_mut(queue) {
                Some(held) if *limit > 0 => *held = *limit,
                Some(_) => return wrong(queue, "must run at least 1 job at once; pause the queue instead"),
                None => return wrong(queue, "is a queue without a handler"),
            }
        }
        Ok(Self { by_kind, queues })
    }

    pub(super) fn get(&self, kind: &str) -> Option<&JobRoute> {
        self.by_kind.get(kind)
    }

    /// The kinds, in the order of their names.
    pub(super) fn known(&self) -> Vec<KnownKind> {
        let mut known: Vec<KnownKind> =
            self.by_kind.values().map(|route| KnownKind::new(route.kind, route.version)).collect();
        known.sort_unstable_by(|a, b| a.kind.cmp(&b.kind));
        known
    }

    pub(super) fn queues(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.queues.keys().copied()
    }

    /// Attempts at once in all queues.
    pub(super) fn capacity(&self) -> usize {
        self.queues.values().fold(0, |sum, limit| sum.saturating_add(*limit))
    }

    /// What the process can take beside what it runs, at most `batch` of each queue; `None` when it is full.
    pub(super) fn claim(
        &self,
        counts: &Counts,
        batch: usize,
        lease: Duration,
        worker: &str,
    ) -> Option<Claim> {
        let mut queues = Vec::new();
        for (queue, limit) in &self.queues {
            let most = limit.saturating_sub(counts.of_queue(queue)).min(batch);
            let kinds: Vec<ClaimKind> =
                self.by_kind.values().filter_map(|route| ask(route, queue, most, counts)).collect();
            if most > 0 && !kinds.is_empty() {
                queues.push(ClaimQueue::new(*queue, most, kinds));
            }
        }
        (!queues.is_empty()).then(|| Claim::new(queues, lease, worker))
    }

    /// Whether a queue or a kind is full, so that jobs may wait that a claim does not ask for.
    pub(super) fn is_full_somewhere(&self, counts: &Counts) -> bool {
        let full = |route: &JobRoute| {
            route.options.concurrency.is_some_and(|limit| counts.of_kind(route.kind) >= limit)
        };
        self.queues.iter().any(|(queue, limit)| counts.of_queue(queue) >= *limit)
            || self.by_kind.values().any(full)
    }
}

fn ask(route: &JobRoute, queue: &str, most: usize, counts: &Counts) -> Option<ClaimKind> {
    let limit = route.options.concurrency.unwrap_or(usize::MAX);
    let most = limit.saturating_sub(counts.of_kind(route.kind)).min(most);
    let horizon = route.options.aging.min(Duration::from_secs(3600)) * 9;
    (route.options.queue == queue && most > 0)
        .then(|| ClaimKind { horizon, ..ClaimKind::new(route.kind, route.version, most) })
}
