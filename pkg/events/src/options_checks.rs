use std::time::Duration;

use underpin_config::{Checks, Validate};

use crate::EventsError;
use crate::options::SubscribeOptions;

const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl SubscribeOptions {
    /// Checks every option; backends do this before they begin.
    ///
    /// # Errors
    /// [`EventsError::InvalidOption`] names the first that is out of range.
    pub fn check(&self) -> Result<(), EventsError> {
        EventsError::check(self)
    }

    /// Brokers refuse filters that select the same event twice, such as `order.*` beside `*.placed`.
    fn patterns_overlap(&self) -> bool {
        let patterns = self.patterns().unwrap_or_default();
        patterns.iter().enumerate().any(|(n, a)| patterns.iter().skip(n + 1).any(|b| a.overlaps(b)))
    }
}

impl Validate for SubscribeOptions {
    fn validate(&self, checks: &mut Checks) {
        let name = (1..=64).contains(&self.name.len())
            && self.name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        checks.ensure(name, "name", "must be 1 to 64 letters, digits, `-` or `_`");
        let patterns = self.patterns().is_ok();
        checks.ensure(patterns, "types", "must be patterns such as `order.placed` or `order.>`");
        checks.ensure(!self.patterns_overlap(), "types", "must not overlap, unless one covers the other");
        checks.ensure((1..=1024).contains(&self.concurrency), "concurrency", "must be from 1 to 1024");
        checks.ensure((1..=1000).contains(&self.max_attempts), "max_attempts", "must be from 1 to 1000");
        checks.within("max_waiting", &self.max_waiting, 1..=1_000_000, "must be from 1 to 1000000");
        let timeout = !self.handler_timeout.is_zero() && self.handler_timeout <= A_DAY * 30;
        checks.ensure(timeout, "handler_timeout", "must be longer than zero and at most 30 days");
        let ack_wait = Duration::from_millis(500)..=A_DAY;
        checks.within("ack_wait", &self.ack_wait, ack_wait, "must be from 500ms to 1 day");
        checks.nested("backoff", &self.backoff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Backoff;

    #[test]
    fn every_range_is_checked_and_named() {
        let good = SubscribeOptions::new("a-b_1");
        assert!(good.check().is_ok());
        let bad = [
            (SubscribeOptions::new(""), "name"),
            (SubscribeOptions::new("a.b"), "name"),
            (good.clone().types(["a..b"]), "types"),
            (good.clone().types(["a.*", "*.b"]), "types"),
            (good.clone().concurrency(0), "concurrency"),
            (good.clone().max_attempts(0), "max_attempts"),
            (good.clone().max_waiting(0), "max_waiting"),
            (good.clone().max_waiting(1_000_001), "max_waiting"),
            (good.clone().handler_timeout(Duration::ZERO), "handler_timeout"),
            (good.clone().ack_wait(Duration::from_millis(1)), "ack_wait"),
            (good.clone().ack_wait(Duration::MAX), "ack_wait"),
            (good.clone().handler_timeout(Duration::MAX), "handler_timeout"),
            (good.clone().backoff(Backoff::new(Duration::from_secs(1), Duration::MAX)), "backoff.max"),
            (good.backoff(Backoff::new(Duration::ZERO, Duration::ZERO)), "backoff.initial"),
        ];
        for (options, expected) in bad {
            match options.check() {
                Err(EventsError::InvalidOption { option, .. }) => assert_eq!(option, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
    }
}
