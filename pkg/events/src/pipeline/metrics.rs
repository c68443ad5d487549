use std::time::Duration;

use metrics::{Counter, Histogram, counter, histogram};

/// What a subscription counts through the `metrics` facade. The handles belong to the recorder that is installed when
/// the subscription starts.
pub(super) struct SubscriptionMetrics {
    pub(super) acked: Counter,
    pub(super) retried: Counter,
    pub(super) postponed: Counter,
    pub(super) dead_lettered: Counter,
    pub(super) redelivered: Counter,
    pub(super) panicked: Counter,
    pub(super) timed_out: Counter,
    seconds: Histogram,
}

impl SubscriptionMetrics {
    pub(super) fn new(subscription: &str) -> Self {
        let handled = |outcome: &'static str| counter!("underpin_events_handled_total", "subscription" => subscription.to_owned(), "outcome" => outcome);
        Self {
            acked: handled("ack"),
            retried: handled("retry"),
            postponed: handled("postpone"),
            dead_lettered: handled("dead_letter"),
            panicked: handled("panic"),
            timed_out: handled("timeout"),
            redelivered: counter!("underpin_events_redelivered_total", "subscription" => subscription.to_owned()),
            seconds: histogram!("underpin_events_handler_seconds", "subscription" => subscription.to_owned()),
        }
    }

    pub(super) fn took(&self, duration: Duration) {
        self.seconds.record(duration.as_secs_f64());
    }
}
