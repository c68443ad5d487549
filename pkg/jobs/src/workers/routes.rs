use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::in_flight::Counts;
use crate::store::{ClaimKind, KnownKind};
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

    pub(super) fn known(&self) -> Vec<KnownKind> {
        self.by_kind.values().map(|route| KnownKind::new(route.kind, route.version)).collect()
    }

    pub(super) fn queues(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.queues.keys().copied()
    }

    /// Attempts at once in all queues.
    pub(super) fn capacity(&self) -> usize {
        self.queues.values().fold(0, |sum, limit| sum.saturating_add(*limit))
    }

    /// What the process can take beside what it runs, at most `batch` of each queue.
    pub(super) fn asks(&self, counts: &Counts, batch: usize) -> Vec<ClaimKind> {
        self.by_kind.values().filter_map(|route| self.ask(route, counts, batch)).collect()
    }

    fn ask(&self, route: &JobRoute, counts: &Counts, batch: usize) -> Option<ClaimKind> {
        let (queue, limit) = (route.options.queue, route.options.concurrency.unwrap_or(usize::MAX));
        let queue_most = self.queues.get(queue)?.saturating_sub(counts.of_queue(queue)).min(batch);
        let most = limit.saturating_sub(counts.of_kind(route.kind)).min(queue_most);
        let horizon = route.options.aging.min(Duration::from_secs(3600)) * 9;
        let ask = ClaimKind::new(queue, most, route.kind, route.version);
        (most > 0).then_some(ClaimKind { queue_most, horizon, ..ask })
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
