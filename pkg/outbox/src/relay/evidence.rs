//! Whether a failure is the event's own, or that of the world around it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::batch::Verdict;

/// What the publisher said of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The broker has it.
    Sent,
    /// It can never be published.
    Never(String),
    /// It was not confirmed; whose fault that is, the answer does not tell.
    Failed(String),
    /// There was no connection.
    Unreachable(String),
}

/// What went through and what did not, counted by all workers of a relay.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sent: AtomicU64,
    failed: AtomicU64,
}

/// The tally at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moment {
    sent: u64,
    failed: u64,
}

impl Tally {
    fn now(&self) -> Moment {
        Moment { sent: self.sent.load(Ordering::Relaxed), failed: self.failed.load(Ordering::Relaxed) }
    }
}

/// Tells events that fail from a broker that does.
///
/// A failure is judged by what became of other events since the last attempt of this one: in its own wave, and in those
/// of the other workers. Where none went through there is no evidence, and it passes for an outage. Where at least as many
/// went through as failed, the failure counts against the event. In between, while some go through and more do not, the
/// event is put aside so that others can pass, and the failure does not count: an event that fails by chance in a broker
/// that is half down would else end in quarantine. So each failure that counts had odds of one half at most to hit an event
/// that is well, and `max_attempts` of them in a row do not.
#[derive(Debug)]
pub(super) struct Judge {
    tally: Arc<Tally>,
    /// The tally at the last failure of each event that failed.
    failures: HashMap<i64, Moment>,
}

/// More than that many events that fail one after the other are no evidence against any of them.
const MOST: usize = 10_000;

impl Judge {
    pub(super) fn new(tally: Arc<Tally>) -> Self {
        Self { tally, failures: HashMap::new() }
    }

    /// To be called before a wave, and given to [`verdicts`](Self::verdicts) after it.
    pub(super) fn before(&self) -> Moment {
        self.tally.now()
    }

    /// What the answers to a wave mean for its rows, in its order.
    pub(super) fn verdicts(&mut self, before: Moment, rows: &[i64], answers: Vec<Answer>) -> Vec<Verdict> {
        let sent = answers.iter().filter(|answer| **answer == Answer::Sent).count() as u64;
        // What can never be published says nothing about the broker.
        let never = answers.iter().filter(|answer| matches!(answer, Answer::Never(_))).count() as u64;
        self.tally.sent.fetch_add(sent, Ordering::Relaxed);
        self.tally.failed.fetch_add(answers.len() as u64 - sent - never, Ordering::Relaxed);
        let now = self.tally.now();
        if self.failures.len() > MOST {
            self.failures.clear();
        }
        let mut verdict = |(row, answer): (&i64, Answer)| match answer {
            Answer::Sent => {
                self.failures.remove(row);
                Verdict::Sent
            }
            Answer::Never(reason) => Verdict::Never(reason),
            Answer::Unreachable(reason) => Verdict::Outage(reason),
            Answer::Failed(reason) => {
                let since = self.failures.insert(*row, now).unwrap_or(before);
                let passed = now.sent.saturating_sub(since.sent);
                // Without this one.
                let failed = now.failed.saturating_sub(since.failed + 1);
                let most_passed = passed > 0 && passed >= failed;
                if most_passed || sent > 0 {
                    Verdict::AtFault { reason, counts: most_passed }
                } else {
                    Verdict::Outage(reason)
                }
            }
        };
        rows.iter().zip(answers).map(&mut verdict).collect()
    }

    /// Nothing is held and nothing failed: what failed earlier has gone through.
    pub(super) fn all_is_well(&mut self) {
        self.failures.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: fn() -> Answer = || Answer::Failed("f".to_owned());

    fn judge() -> Judge {
        Judge::new(Arc::default())
    }

    /// One wave of rows 1, 2, and so on.
    fn wave(judge: &mut Judge, answers: impl IntoIterator<Item = Answer>) -> Vec<Verdict> {
        let answers: Vec<Answer> = answers.into_iter().collect();
        let rows: Vec<i64> = (1..).take(answers.len()).collect();
        let before = judge.before();
        judge.verdicts(before, &rows, answers)
    }

    fn at_fault(counts: bool) -> Verdict {
        Verdict::AtFault { reason: "f".to_owned(), counts }
    }

    #[test]
    fn a_failure_counts_in_company_that_went_through() {
        let outage = Verdict::Outage("f".to_owned());
        assert_eq!(wave(&mut judge(), [FAILED(), FAILED()]), [outage.clone(), outage.clone()]);
        assert_eq!(wave(&mut judge(), [FAILED(), Answer::Sent]), [at_fault(true), Verdict::Sent]);
        let lost = Answer::Unreachable("f".to_owned());
        assert_eq!(wave(&mut judge(), [lost, Answer::Sent]), [outage, Verdict::Sent]);
    }

    #[test]
    fn an_event_that_fails_alone_is_judged_by_what_went_through_in_the_meantime() {
        let mut one = judge();
        let mut other = Judge::new(Arc::clone(&one.tally));
        let outage = [Verdict::Outage("f".to_owned())];
        assert_eq!(wave(&mut one, [FAILED()]), outage);
        assert_eq!(wave(&mut one, [FAILED()]), outage, "still nothing speaks against it");
        assert_eq!(wave(&mut other, [Answer::Sent]), [Verdict::Sent]);
        assert_eq!(wave(&mut one, [FAILED()]), [at_fault(true)], "another worker sent something");
        assert_eq!(wave(&mut one, [FAILED()]), outage, "and nothing since");
    }

    #[test]
    fn what_goes_through_before_an_outage_is_no_evidence_in_it() {
        let mut judge = judge();
        assert_eq!(wave(&mut judge, [Answer::Sent]), [Verdict::Sent]);
        for _ in 0..100 {
            assert_eq!(wave(&mut judge, [FAILED()]), [Verdict::Outage("f".to_owned())]);
        }
    }

    #[test]
    fn while_more_fails_than_goes_through_nothing_counts() {
        let mut judge = judge();
        let mut answers = vec![FAILED(), FAILED(), FAILED(), Answer::Sent];
        let verdicts = wave(&mut judge, answers.clone());
        assert_eq!(verdicts[..3], [at_fault(false), at_fault(false), at_fault(false)]);
        answers.push(Answer::Sent);
        assert_eq!(wave(&mut judge, answers)[0], at_fault(true));
    }
}
