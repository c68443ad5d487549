use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{BucketSettings, KeyValue};

/// How the suite gets at a backend.
#[async_trait]
pub trait KeyValueHarness: Send + Sync + Sized {
    /// Starts whatever the backend needs, for one test.
    async fn start() -> Self;

    /// An empty bucket with these settings.
    async fn bucket(&self, settings: BucketSettings) -> Arc<dyn KeyValue>;

    /// What the backend can do.
    fn capabilities(&self) -> StoreCapabilities;
}

/// What differs between backends that are all correct.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StoreCapabilities {
    /// Whether it keeps more than the last write of a key.
    pub history: bool,
    /// Whether it tells changes; a backend that does not refuses a watch.
    pub watch: bool,
    /// How long it may need for something that should happen at once.
    pub patience: Duration,
}

impl StoreCapabilities {
    /// It keeps the last write of a key alone, a removal too.
    #[must_use]
    pub fn without_history(self) -> Self {
        Self { history: false, ..self }
    }

    /// It refuses watches.
    #[must_use]
    pub fn without_watch(self) -> Self {
        Self { watch: false, ..self }
    }
}

impl Default for StoreCapabilities {
    fn default() -> Self {
        Self { history: true, watch: true, patience: Duration::from_secs(30) }
    }
}
