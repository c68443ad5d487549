use std::sync::Arc;

use async_trait::async_trait;
use underpin_objects::conformance::{ObjectCapabilities, ObjectsHarness};
use underpin_objects::{BucketObjects, ObjectBucketSettings, Objects};

struct Memory;

#[async_trait]
impl ObjectsHarness for Memory {
    async fn start() -> Self {
        Self
    }

    async fn bucket(&self, settings: ObjectBucketSettings) -> Arc<dyn Objects> {
        Arc::new(BucketObjects::memory(settings).expect("valid settings"))
    }

    fn capabilities(&self) -> ObjectCapabilities {
        ObjectCapabilities::default()
    }
}

underpin_objects::objects_tests!(Memory);
