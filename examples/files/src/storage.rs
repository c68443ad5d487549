#![allow(clippy::future_not_send, reason = "the runtime of a service builds it on the main thread")]
//! Where the data is: beside the database, in JetStream or in S3, behind one trait.

use std::sync::Arc;

use underpin_errors::{Error, ResultExt as _};
use underpin_objects::{ExternalObjects, Objects};
use underpin_service::{Nats, ObjectStore, Start, Stopped, part_fn};

use crate::Settings;

/// The bucket of files. An object is named by the id of its file, so that no name is used twice and none comes from a caller.
pub(crate) const FILES: &str = "files";
/// The bucket of user settings, whose names other programs know.
pub(crate) const USER_SETTING: &str = "user-setting";

/// The two buckets.
pub(crate) struct Storage {
    pub(crate) files: Arc<dyn Objects>,
    pub(crate) user_settings: Arc<dyn Objects>,
}

impl Storage {
    /// Opens the buckets of the settings.
    ///
    /// # Errors
    /// A bucket cannot be opened; the error names it.
    pub(crate) async fn open(start: &mut Start<Settings>, nats: &Nats) -> Result<Self, Error> {
        let settings = start.settings();
        let Some(s3) = &settings.s3 else {
            let store = start.plugin(ObjectStore::open(nats, &settings.objects)).await?;
            return Ok(Self { files: store.objects(FILES)?, user_settings: store.objects(USER_SETTING)? });
        };
        let mut other = s3.clone();
        other.bucket = format!("{}-{USER_SETTING}", s3.bucket);
        let files = ExternalObjects::s3(s3).context("open the bucket of files in S3")?;
        let user_settings = ExternalObjects::s3(&other).context("open the bucket of user settings in S3")?;
        start.observe(Arc::new(files.clone()));
        let opened = [files.clone(), user_settings.clone()];
        let closed = part_fn("s3", move |deadline| {
            let [files, user_settings] = opened.clone();
            async move {
                let close = async { (files.close().await, user_settings.close().await) };
                let left = "parts of failed uploads, which a rule of the bucket removes";
                deadline.run(close).await.map_or_else(|| Stopped::cut(left), |_| Stopped::Clean)
            }
        });
        start.plugin(closed).await?;
        Ok(Self { files: Arc::new(files), user_settings: Arc::new(user_settings) })
    }
}
