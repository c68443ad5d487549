//! Where the data is: in a folder, in JetStream or in S3, behind one trait.

use std::sync::Arc;

use underpin_errors::{Error, ResultExt as _};
use underpin_objects::{BucketObjects, ExternalObjects, JetStreamObjects, Objects, S3Settings};
use underpin_service::{PartFn, Stopped, part_fn};

use crate::{StorageBackend, StorageSettings};

/// The bucket of files. An object is named by the id of its file, so that no name is used twice and none comes from a caller.
pub(crate) const FILES: &str = "files";
/// The bucket of user settings, whose names other programs know.
pub(crate) const USER_SETTING: &str = "user-setting";

/// The two buckets. Clones share them.
#[derive(Clone)]
pub(crate) struct Storage {
    files: Bucket,
    user_settings: Bucket,
}

/// A bucket of any backend.
#[derive(Clone)]
enum Bucket {
    External(ExternalObjects),
    JetStream(BucketObjects),
}

impl Storage {
    /// Opens the buckets of the backend. Nothing is sent.
    ///
    /// # Errors
    /// The folder cannot be created, or a setting does not fit.
    pub(crate) fn open(
        settings: &StorageSettings,
        jetstream: Option<&JetStreamObjects>,
    ) -> Result<Self, Error> {
        let mut user_setting = settings.s3.clone();
        user_setting.bucket = format!("{}-{USER_SETTING}", user_setting.bucket);
        let open = |name: &str, s3: &S3Settings| {
            let opened = match (settings.backend, jetstream) {
                (Some(StorageBackend::S3), _) => ExternalObjects::s3(s3).map(Bucket::External),
                (None, Some(jetstream)) => jetstream.bucket(name).map(Bucket::JetStream),
                _ => ExternalObjects::folder(settings.folder.join(name)).map(Bucket::External),
            };
            opened.with_context(|| format!("open the objects {name}"))
        };
        Ok(Self { files: open(FILES, &settings.s3)?, user_settings: open(USER_SETTING, &user_setting)? })
    }

    /// Stops when what failed uploads left behind is removed.
    pub(crate) fn part(&self) -> PartFn {
        let this = self.clone();
        part_fn("objects", move |deadline| {
            let this = this.clone();
            async move {
                let close = async { (this.files.close().await, this.user_settings.close().await) };
                let left = "parts of failed uploads, which the sweeper finds";
                deadline.run(close).await.map_or_else(|| Stopped::cut(left), |_| Stopped::Clean)
            }
        })
    }

    pub(crate) fn files(&self) -> Arc<dyn Objects> {
        self.files.objects()
    }

    pub(crate) fn user_settings(&self) -> Arc<dyn Objects> {
        self.user_settings.objects()
    }
}

impl Bucket {
    fn objects(&self) -> Arc<dyn Objects> {
        match self {
            Self::External(objects) => Arc::new(objects.clone()),
            Self::JetStream(objects) => Arc::new(objects.clone()),
        }
    }

    async fn close(&self) {
        match self {
            Self::External(objects) => objects.close().await,
            Self::JetStream(objects) => objects.close().await,
        }
    }
}
