use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;
use underpin_objects::conformance::{ObjectCapabilities, ObjectsHarness};
use underpin_objects::{ExternalObjects, ObjectBucketSettings, Objects};

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

underpin_objects::objects_tests!(Folder);
