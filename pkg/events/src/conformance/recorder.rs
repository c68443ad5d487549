use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::fixtures::within;
use crate::{Delivery, Event, EventHandler, Outcome};

/// A handler that records its deliveries.
pub struct Recorder {
    seen: Mutex<Vec<Seen>>,
    changed: Notify,
    answer: Box<dyn Fn(&Delivery) -> Answer + Send + Sync>,
}

/// One delivery that a [`Recorder`] saw.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Seen {
    /// The event.
    pub event: Event,
    /// Which attempt it was.
    pub attempt: u32,
    /// When the handler began.
    pub at: Instant,
}

/// What a recorder does with a delivery.
pub(super) enum Answer {
    Now(Outcome),
    After(Duration, Outcome),
    Panic,
}

impl Recorder {
    /// A handler that acknowledges everything.
    pub fn acking() -> Arc<Self> {
        Self::answering(|_| Answer::Now(Outcome::ack()))
    }

    pub(super) fn answering(answer: impl Fn(&Delivery) -> Answer + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { seen: Mutex::default(), changed: Notify::new(), answer: Box::new(answer) })
    }

    /// The recorder as the handler of a subscription.
    pub fn handler(self: &Arc<Self>) -> Arc<dyn EventHandler> {
        Arc::<Self>::clone(self)
    }

    /// Everything seen so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The subjects seen so far, in their order.
    pub fn subjects(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.event.subject().unwrap_or_default().to_owned()).collect()
    }

    /// Waits until at least `count` deliveries were seen.
    pub async fn wait_for(&self, count: usize, limit: Duration) -> Vec<Seen> {
        let what = format!("{count} deliveries");
        within(limit, &what, async {
            loop {
                let changed = self.changed.notified();
                let seen = self.seen();
                if seen.len() >= count {
                    return seen;
                }
                changed.await;
            }
        })
        .await
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("seen", &self.seen().len()).finish_non_exhaustive()
    }
}

#[async_trait]
impl EventHandler for Recorder {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let answer = (self.answer)(&delivery);
        let (attempt, at) = (delivery.attempt(), Instant::now());
        let seen = Seen { event: delivery.into_event(), attempt, at };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        self.changed.notify_waiters();
        match answer {
            Answer::Now(outcome) => outcome,
            Answer::After(wait, outcome) => {
                tokio::time::sleep(wait).await;
                outcome
            }
            Answer::Panic => panic!("the handler was told to panic"),
        }
    }
}
