//! What the events of this process have not come to yet.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use underpin_events::Subscription;

/// The pause between two looks at the backlog.
const PAUSE: Duration = Duration::from_millis(10);

type Count = Pin<Box<dyn Future<Output = Option<u64>> + Send>>;
type ReadOutbox = Box<dyn Fn() -> Count + Send + Sync>;

/// The subscriptions and the outbox of one bus.
#[derive(Default)]
pub(crate) struct Backlog {
    subscriptions: Mutex<Vec<Arc<dyn Subscription>>>,
    outbox: OnceLock<ReadOutbox>,
}

/// How many events have not had their effect yet; none where a count could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unfinished {
    /// Events that the relay has not published.
    pub(crate) in_outbox: Option<u64>,
    /// Events that no handler has finished.
    pub(crate) on_bus: Option<u64>,
}

const DONE: Unfinished = Unfinished { in_outbox: Some(0), on_bus: Some(0) };

impl Backlog {
    pub(super) fn add(&self, subscription: Arc<dyn Subscription>) {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner).push(subscription);
    }

    /// Tells how to count what waits in the outbox whose relay feeds this bus.
    #[cfg(feature = "outbox")]
    pub(crate) fn set_outbox(&self, read: impl Fn() -> Count + Send + Sync + 'static) {
        // Of two outboxes the first one counts.
        let _second = self.outbox.set(Box::new(read));
    }

    /// The outbox is read first: its events move on to the bus.
    pub(crate) async fn read(&self) -> Unfinished {
        let in_outbox = match self.outbox.get() {
            Some(read) => read().await,
            None => Some(0),
        };
        let subscriptions = self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut on_bus = Some(0);
        for subscription in subscriptions {
            let lag = subscription.lag().await.ok().map(|lag| lag.waiting + lag.in_flight);
            on_bus = on_bus.zip(lag).map(|(sum, lag)| sum + lag);
        }
        Unfinished { in_outbox, on_bus }
    }

    /// Returns once nothing is left, twice in a row: a handler may have written to the outbox between the two counts.
    pub(super) async fn cleared(&self) {
        let mut before = false;
        loop {
            let now = self.read().await == DONE;
            if now && before {
                return;
            }
            before = now;
            tokio::time::sleep(PAUSE).await;
        }
    }
}
