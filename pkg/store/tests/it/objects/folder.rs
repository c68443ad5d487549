use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;
use underpin_store::conformance::objects::{ObjectCapabilities, ObjectsHarness};
use underpin_store::{ExternalObjects, ObjectBucketSettings, Objects};

struct Folder(TempDir);

#[async_trait]
impl ObjectsHarness for Folder {
    async fn start() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    async fn bucket(&self, settings: ObjectBucketSettings) -> Arc<dyn Objects> {
        Arc::new(ExternalObjects::folder(self.0.path().join(settings.name)).expect("a folder"))
    }

    fn capabilities(&self) -> ObjectCapabilities {
        ObjectCapabilities::none()
    }
}

underpin_store::objects_tests!(Folder);
