//! The in-memory backend passes the suite.

use std::sync::Arc;

use async_trait::async_trait;
use underpin_store::conformance::{KeyValueHarness, StoreCapabilities};
use underpin_store::{BucketSettings, KeyValue, MemoryKeyValue};

struct Memory;

#[async_trait]
impl KeyValueHarness for Memory {
    async fn start() -> Self {
        Self
    }

    async fn bucket(&self, settings: BucketSettings) -> Arc<dyn KeyValue> {
        Arc::new(MemoryKeyValue::new(settings).expect("valid settings"))
    }

    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities::default()
    }
}

underpin_store::key_value_tests!(Memory);
