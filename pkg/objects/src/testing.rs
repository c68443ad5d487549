//! Mocks of the public traits. For behaviour rather than interaction use [`BucketObjects::memory`](crate::BucketObjects::memory).
//!
//! # Examples
//! ```
//! use std::sync::Arc;
//! use underpin_objects::testing::MockObjects;
//! use underpin_objects::{Objects, ObjectsExt, StoreError};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let mut mock = MockObjects::new();
//! mock.expect_get().once().returning(|_, _| Err(StoreError::Disconnected));
//! let files: Arc<dyn Objects> = Arc::new(mock);
//! assert!(files.read_bytes("a", 10).await.unwrap_err().is_retryable());
//! # }
//! ```
#![allow(
    missing_docs,
    clippy::missing_errors_doc,
    reason = "mockall writes these items; their traits are documented"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mockall::mock;
use underpin_errors::{Health, HealthCheck};

use crate::{
    GetObject, ListObjects, ObjectData, ObjectEvent, ObjectExpect, ObjectInfo, ObjectName, ObjectPage,
    ObjectReader, ObjectWatch, Objects, Presign, PresignUpload, PresignedRequest, PutObject, StoreError,
    Swept, WatchObjects,
};

mock! {
    #[derive(Debug)]
    pub Objects {}

    #[async_trait]
    impl HealthCheck for Objects {
        fn name(&self) -> &str;
        async fn check(&self) -> Health;
    }

    #[async_trait]
    impl Objects for Objects {
        async fn put(&self, name: &ObjectName, data: ObjectData, options: PutObject) -> Result<ObjectInfo, StoreError>;
        async fn get(&self, name: &ObjectName, options: GetObject) -> Result<Option<ObjectReader>, StoreError>;
        async fn head(&self, name: &ObjectName) -> Result<Option<ObjectInfo>, StoreError>;
        async fn delete(&self, name: &ObjectName, expect: ObjectExpect) -> Result<bool, StoreError>;
        async fn list(&self, options: ListObjects) -> Result<ObjectPage, StoreError>;
        async fn watch(&self, options: WatchObjects) -> Result<Box<dyn ObjectWatch>, StoreError>;
        async fn sweep(&self, older_than: Duration) -> Result<Swept, StoreError>;
    }
}

mock! {
    #[derive(Debug)]
    pub ObjectWatch {}

    #[async_trait]
    impl ObjectWatch for ObjectWatch {
        async fn next(&mut self) -> Result<ObjectEvent, StoreError>;
        fn health(&self) -> Arc<dyn HealthCheck>;
    }
}

mock! {
    #[derive(Debug)]
    pub Presign {}

    #[async_trait]
    impl Presign for Presign {
        async fn presign_get(&self, name: &ObjectName, lasts: Duration) -> Result<PresignedRequest, StoreError>;
        async fn presign_put(&self, name: &ObjectName, upload: PresignUpload, lasts: Duration) -> Result<PresignedRequest, StoreError>;
    }
}
