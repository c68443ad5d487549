use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{DeadLetterQueue, EventPublisher, EventSubscriber};

/// Everything a backend offers, as one object.
pub trait Bus: EventPublisher + EventSubscriber + DeadLetterQueue {}
impl<T: EventPublisher + EventSubscriber + DeadLetterQueue> Bus for T {}

/// How the suite gets at a backend.
#[async_trait]
pub trait Harness: Send + Sync + Sized {
    /// Starts whatever the backend needs, for one test.
    async fn start() -> Self;

    /// A bus without events. Called again, it returns a second client of the same bus.
    async fn bus(&self) -> Arc<dyn Bus>;

    /// What the backend can do.
    fn capabilities(&self) -> Capabilities;
}

/// What differs between backends that are all correct.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Capabilities {
    /// The largest event in bytes that the bus takes, encoded as structured JSON with its headers; the suite publishes larger
    /// ones.
    pub max_event_size: usize,
    /// How long a backend may need for something that should happen at once.
    pub patience: Duration,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self { max_event_size: 1024 * 1024, patience: Duration::from_secs(20) }
    }
}
