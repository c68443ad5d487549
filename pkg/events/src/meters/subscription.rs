use std::sync::OnceLock;

use metrics::{Counter, Histogram, counter, histogram};

use super::describe::describe_metrics;

/// How many recorders a subscription keeps handles for; one process has one exporter.
const MAX_RECORDERS: usize = 8;

/// The metrics of a subscription, whichever recorder is installed, and whenever it was.
pub(crate) struct SubscriptionMetrics {
    subscription: String,
    recorders: [OnceLock<(usize, SubscriptionHandles)>; MAX_RECORDERS],
}

/// The metrics of a subscription as one recorder registered them.
#[derive(Clone)]
pub(crate) struct SubscriptionHandles {
    pub(crate) acked: Counter,
    pub(crate) retried: Counter,
    pub(crate) postponed: Counter,
    pub(crate) dead_lettered: Counter,
    pub(crate) panicked: Counter,
    pub(crate) timed_out: Counter,
    pub(crate) redelivered: Counter,
    pub(crate) seconds: Histogram,
}

impl SubscriptionMetrics {
    pub(crate) fn new(subscription: &str) -> Self {
        Self { subscription: subscription.to_owned(), recorders: [const { OnceLock::new() }; MAX_RECORDERS] }
    }

    /// The handles of the recorder that is installed now. Recorders are distinguished by address.
    pub(crate) fn with<T>(&self, record: impl FnOnce(&SubscriptionHandles) -> T) -> T {
        let recorder = metrics::with_recorder(|recorder| std::ptr::from_ref(recorder).cast::<()>().addr());
        for known in &self.recorders {
            let (address, handles) =
                known.get_or_init(|| (recorder, SubscriptionHandles::register(&self.subscription)));
            if *address == recorder {
                return record(handles);
            }
        }
        record(&SubscriptionHandles::register(&self.subscription))
    }
}

impl SubscriptionHandles {
    fn register(subscription: &str) -> Self {
        describe_metrics();
        let handled = |outcome: &'static str| {
            let subscription = subscription.to_owned();
            counter!("underpin_events_handled_total", "subscription" => subscription, "outcome" => outcome)
        };
        let subscription = || subscription.to_owned();
        Self {
            acked: handled("ack"),
            retried: handled("retry"),
            postponed: handled("postpone"),
            dead_lettered: handled("dead_letter"),
            panicked: handled("panic"),
            timed_out: handled("timeout"),
            redelivered: counter!("underpin_events_redelivered_total", "subscription" => subscription()),
            seconds: histogram!("underpin_events_handler_seconds", "subscription" => subscription()),
        }
    }
}
