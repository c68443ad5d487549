//! Distinguishes poison events from broker outages.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::outcome::PublishOutcome;

/// What the publisher answered for one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// The broker has it.
    Confirmed,
    /// It can never be published.
    Rejected(String),
    /// It was not confirmed; the reply does not say why.
    Failed(String),
    /// There was no connection.
    Unreachable(String),
}

/// The reply to a publish, with what the detector needs to classify it.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) row: i64,
    /// The counters when the publish began.
    pub(super) before: PublishCounts,
    pub(super) reply: Reply,
}

/// Confirmed and failed publishes of all workers of a relay.
#[derive(Debug, Default)]
pub(super) struct PublishCounters {
    confirmed: AtomicU64,
    failed: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PublishCounts {
    confirmed: u64,
    failed: u64,
}

impl PublishCounters {
    fn now(&self) -> PublishCounts {
        PublishCounts {
            confirmed: self.confirmed.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}

/// Decides whether a failure is the event's own.
///
/// A failure is classified by the other publishes since the last attempt of the same event, in its own window and in those of
/// the other workers. Where none was confirmed there is no evidence, and it passes for an outage. Where at least as many
/// were confirmed as failed, the failure counts against the event. In between, the event is held so that others can pass,
/// and the failure does not count: otherwise an event that fails by chance at a broker that is half down would end in
/// quarantine. So each failure that counts had odds of at most one half to hit a sound event, and `max_attempts` of them in
/// a row do not.
#[derive(Debug)]
pub(super) struct PoisonDetector {
    counters: Arc<PublishCounters>,
    /// The counters at the last failure of each event that failed.
    failures: HashMap<i64, PublishCounts>,
}

/// The failures that are remembered; beyond that they are forgotten, and classified by their own window.
const MOST: usize = 10_000;

impl PoisonDetector {
    pub(super) fn new(counters: Arc<PublishCounters>) -> Self {
        Self { counters, failures: HashMap::new() }
    }

    /// To be called before a publish, for its [`Attempt`].
    pub(super) fn now(&self) -> PublishCounts {
        self.counters.now()
    }

    /// Whether the last attempt of a row failed.
    pub(super) fn has_failed(&self, row: i64) -> bool {
        self.failures.contains_key(&row)
    }

    /// What the replies mean for their rows, in the same order.
    pub(super) fn classify(&mut self, attempts: Vec<Attempt>) -> Vec<PublishOutcome> {
        let count = |is: fn(&Reply) -> bool| attempts.iter().filter(|a| is(&a.reply)).count() as u64;
        let confirmed = count(|reply| *reply == Reply::Confirmed);
        // A rejected event says nothing about the broker.
        let failed = count(|reply| matches!(reply, Reply::Failed(_) | Reply::Unreachable(_)));
        self.counters.confirmed.fetch_add(confirmed, Ordering::Relaxed);
        self.counters.failed.fetch_add(failed, Ordering::Relaxed);
        let now = self.counters.now();
        if self.failures.len() > MOST {
            self.failures.clear();
        }
        let classify = |Attempt { row, before, reply }| match reply {
            Reply::Confirmed => {
                self.failures.remove(&row);
                PublishOutcome::Confirmed
            }
            Reply::Rejected(reason) => PublishOutcome::Rejected(reason),
            Reply::Unreachable(reason) => PublishOutcome::Outage(reason),
            Reply::Failed(reason) => {
                let since = self.failures.insert(row, now).unwrap_or(before);
                let others_confirmed = now.confirmed.saturating_sub(since.confirmed);
                // Without this one.
                let others_failed = now.failed.saturating_sub(since.failed + 1);
                if others_confirmed > 0 {
                    PublishOutcome::AtFault { reason, counts: others_confirmed >= others_failed }
                } else {
                    PublishOutcome::Outage(reason)
                }
            }
        };
        attempts.into_iter().map(classify).collect()
    }

    /// No row is held or in flight: what failed earlier has been confirmed since.
    pub(super) fn clear(&mut self) {
        self.failures.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: fn() -> Reply = || Reply::Failed("f".to_owned());

    fn detector() -> PoisonDetector {
        PoisonDetector::new(Arc::default())
    }

    /// One window of rows 1, 2, and so on.
    fn window(
        detector: &mut PoisonDetector,
        replies: impl IntoIterator<Item = Reply>,
    ) -> Vec<PublishOutcome> {
        let before = detector.now();
        let attempts = (1..).zip(replies).map(|(row, reply)| Attempt { row, before, reply });
        detector.classify(attempts.collect())
    }

    fn at_fault(counts: bool) -> PublishOutcome {
        PublishOutcome::AtFault { reason: "f".to_owned(), counts }
    }

    #[test]
    fn a_failure_counts_in_company_that_was_confirmed() {
        let outage = PublishOutcome::Outage("f".to_owned());
        assert_eq!(window(&mut detector(), [FAILED(), FAILED()]), [outage.clone(), outage.clone()]);
        let confirmed = PublishOutcome::Confirmed;
        let outcomes = window(&mut detector(), [FAILED(), Reply::Confirmed]);
        assert_eq!(outcomes, [at_fault(true), confirmed.clone()]);
        let lost = Reply::Unreachable("f".to_owned());
        assert_eq!(window(&mut detector(), [lost, Reply::Confirmed]), [outage, confirmed]);
    }

    #[test]
    fn an_event_that_fails_alone_is_classified_by_what_was_confirmed_in_the_meantime() {
        let mut one = detector();
        let mut other = PoisonDetector::new(Arc::clone(&one.counters));
        let outage = [PublishOutcome::Outage("f".to_owned())];
        assert_eq!(window(&mut one, [FAILED()]), outage);
        assert_eq!(window(&mut one, [FAILED()]), outage, "still nothing speaks against it");
        assert_eq!(window(&mut other, [Reply::Confirmed]), [PublishOutcome::Confirmed]);
        assert_eq!(window(&mut one, [FAILED()]), [at_fault(true)], "another worker sent something");
        assert_eq!(window(&mut one, [FAILED()]), outage, "and nothing since");
    }

    #[test]
    fn what_is_confirmed_before_an_outage_is_no_evidence_in_it() {
        let mut detector = detector();
        assert_eq!(window(&mut detector, [Reply::Confirmed]), [PublishOutcome::Confirmed]);
        for _ in 0..100 {
            assert_eq!(window(&mut detector, [FAILED()]), [PublishOutcome::Outage("f".to_owned())]);
        }
    }

    #[test]
    fn while_more_fails_than_is_confirmed_nothing_counts() {
        let mut detector = detector();
        let mut replies = vec![FAILED(), FAILED(), FAILED(), Reply::Confirmed];
        let outcomes = window(&mut detector, replies.clone());
        assert_eq!(outcomes[..3], [at_fault(false), at_fault(false), at_fault(false)]);
        replies.push(Reply::Confirmed);
        assert_eq!(window(&mut detector, replies)[0], at_fault(true));
    }
}
