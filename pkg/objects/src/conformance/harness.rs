use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{ObjectBucketSettings, Objects};

/// How the suite gets at a backend of objects.
#[async_trait]
pub trait ObjectsHarness: Send + Sync + Sized {
    /// Starts whatever the backend needs, for one test.
    async fn start() -> Self;

    /// An empty bucket with these settings, as far as the backend has them.
    async fn bucket(&self, settings: ObjectBucketSettings) -> Arc<dyn Objects>;

    /// What the backend can do.
    fn capabilities(&self) -> ObjectCapabilities;
}

/// What differs between backends that are all correct. What one cannot do, the suite finds refused.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ObjectCapabilities {
    /// Whether an object can have a time to live.
    pub ttl: bool,
    /// Whether it tells changes.
    pub watch: bool,
    /// Whether a put can expect a version.
    pub replace_version: bool,
    /// Whether a deletion can expect a version.
    pub delete_version: bool,
    /// Whether it keeps media type, description and metadata.
    pub attributes: bool,
    /// Whether it keeps a digest of objects below 1 MiB, and checks it when it reads.
    pub digest: bool,
    /// Whether it finds data without an object.
    pub sweep: bool,
    /// Whether the bucket can have a limit.
    pub max_bytes: bool,
    /// Whether a replacement ends the downloads of what was there before, or lets them finish.
    pub replacement_ends_reads: bool,
    /// Whether it has presigned URLs.
    pub presign: bool,
    /// How long it may need for something that should happen at once.
    pub patience: Duration,
}

impl ObjectCapabilities {
    /// Storing, reading, listing and deleting, and nothing else.
    pub fn none() -> Self {
        Self {
            ttl: false,
            watch: false,
            replace_version: false,
            delete_version: false,
            attributes: false,
            digest: false,
            sweep: false,
            max_bytes: false,
            replacement_ends_reads: false,
            presign: false,
            patience: Duration::from_secs(30),
        }
    }
}

impl Default for ObjectCapabilities {
    /// Everything but presigned URLs.
    fn default() -> Self {
        Self {
            ttl: true,
            watch: true,
            replace_version: true,
            delete_version: true,
            attributes: true,
            digest: true,
            sweep: true,
            max_bytes: true,
            replacement_ends_reads: true,
            presign: false,
            patience: Duration::from_secs(30),
        }
    }
}
