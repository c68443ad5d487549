use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{Error, GetOptions, GetResult, ObjectStore, ObjectStoreExt};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use underpin_errors::{Health, HealthCheck, Report};

use super::parts::PartSettings;
use super::put::{ExternalUpload, Stored};
use super::{attributes, failure, path, sweep};
use crate::verify::Verify;
use crate::{
    GetObject, ListObjects, ObjectData, ObjectExpect, ObjectInfo, ObjectName, ObjectPage, ObjectReader,
    ObjectVersion, ObjectWatch, Objects, Presign, PutObject, StoreError, Swept, WatchObjects, meters,
};

/// How long a health check may take.
const HEALTH: Duration = Duration::from_secs(5);

/// Objects in a folder or in S3, through the crate `object_store`. Clones share it.
///
/// | | folder | S3 |
/// |---|---|---|
/// | expect absence | yes | up to `part_size` |
/// | expect a version (`ETag`) at a put | no | up to `part_size` |
/// | media type, description, metadata | no | yes |
/// | digest | no | up to `part_size`, or where the put gives it |
/// | sweep: leftovers of uploads whose process was killed | yes | no: a rule of the life cycle |
/// | presigned URLs | no | yes |
///
/// Neither has a time to live (S3: a rule of the life cycle) or watches. What one cannot do fails with [`StoreError::Unsupported`]. A reader goes on with the version that it began.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use underpin_objects::{ExternalObjects, Objects, ObjectsExt};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = std::env::temp_dir().join(format!("underpin-objects-{}", std::process::id()));
/// let files: Arc<dyn Objects> = Arc::new(ExternalObjects::folder(&folder)?);
/// files.put_bytes("reports/a.txt", "hello").await?;
/// assert_eq!(std::fs::read(folder.join("reports/a.txt"))?, b"hello");
/// # std::fs::remove_dir_all(folder)?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ExternalObjects(Arc<External>);

pub(super) struct External {
    /// What metrics call it.
    pub(super) bucket: String,
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) presign: Option<Arc<dyn Presign>>,
    pub(super) attributes: bool,
    pub(super) part_size: usize,
    pub(super) window: usize,
    pub(super) tasks: TaskTracker,
    /// Of a local folder.
    pub(super) folder: Option<PathBuf>,
}

impl ExternalObjects {
    pub(super) fn new(external: External) -> Self {
        Self(Arc::new(external))
    }

    /// Waits until the parts of failed uploads are removed.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn close(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    async fn measured<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let result = work.await;
        meters::operation(&self.0.bucket, operation, began, &result);
        result
    }
}

impl External {
    async fn put(
        &self,
        name: &ObjectName,
        data: ObjectData,
        options: PutObject,
    ) -> Result<ObjectInfo, StoreError> {
        if options.ttl.is_some() {
            return Err(StoreError::Unsupported { feature: "a time to live of an object" });
        }
        let PutObject { content_type, description, metadata, .. } = &options;
        if !self.attributes && (content_type.is_some() || description.is_some() || !metadata.is_empty()) {
            return Err(StoreError::Unsupported { feature: "media types, descriptions and metadata" });
        }
        let mut info = ObjectInfo::new(name.clone(), 0, ObjectVersion::new(""), SystemTime::now());
        (info.content_type, info.description) = (content_type.clone(), description.clone());
        info.metadata.clone_from(metadata);
        let parts = PartSettings {
            part_size: self.part_size,
            window: self.window,
            // What is on the disk shows that the upload is alive.
            flush_after: self.folder.as_ref().map(|_| options.idle / 2),
            tasks: self.tasks.clone(),
        };
        let (path, attributes) = (path::of(name)?, self.attributes);
        let upload = ExternalUpload { store: &*self.store, path, options, attributes, parts };
        let Stored { result, size, digest } = upload.run(data.into_pieces()).await?;
        meters::bytes(&self.bucket, "put", size);
        (info.size, info.digest) = (size, digest);
        info.version = ObjectVersion::new(result.e_tag.unwrap_or_default());
        Ok(info)
    }

    async fn get(&self, name: &ObjectName, options: GetObject) -> Result<Option<ObjectReader>, StoreError> {
        let GetObject { mut range, version } = options;
        let mut request = GetOptions::new().with_if_match(version.map(|version| version.to_string()));
        if let Some(range) = &mut range {
            let found = self.request(name, request.clone().with_head(true)).await?;
            let Some(info) = found.map(|found| attributes::info(name, &found)) else { return Ok(None) };
            range.end = range.end.min(info.size);
            if range.start >= range.end {
                return Ok(Some(ObjectReader::new(info, stream::empty())));
            }
            request = request.with_range(Some(range.clone()));
            request.if_match.get_or_insert_with(|| info.version.to_string());
        }
        let Some(found) = self.request(name, request).await? else { return Ok(None) };
        let info = attributes::info(name, &found);
        let mut verify = Verify::new(&info, range.is_none());
        let bucket = self.bucket.clone();
        let chunks = found.into_stream().map_err(|error| failure::of("read an object", error));
        let chunks = chunks.and_then(move |chunk| {
            meters::bytes(&bucket, "get", chunk.len() as u64);
            std::future::ready(verify.take(&chunk).map(|()| chunk))
        });
        let bucket = self.bucket.clone();
        let chunks = chunks.inspect_err(move |error| meters::read_failed(&bucket, error));
        Ok(Some(ObjectReader::new(info, chunks)))
    }

    async fn head(&self, name: &ObjectName) -> Result<Option<ObjectInfo>, StoreError> {
        let found = self.request(name, GetOptions::new().with_head(true)).await?;
        Ok(found.map(|found| attributes::info(name, &found)))
    }

    async fn request(&self, name: &ObjectName, options: GetOptions) -> Result<Option<GetResult>, StoreError> {
        let expected = options.if_match.clone();
        match self.store.get_opts(&path::of(name)?, options).await {
            // Not every service knows `if-match` at reads.
            Ok(found) if expected.is_some() && expected != found.meta.e_tag => {
                Err(StoreError::Conflict { current: None })
            }
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failure::of("read an object", error)),
        }
    }

    async fn delete(&self, name: &ObjectName, expect: ObjectExpect) -> Result<bool, StoreError> {
        match expect {
            ObjectExpect::Anything => {}
            ObjectExpect::Absent => {
                return Err(StoreError::option("expect", "must not be `Absent` for a deletion"));
            }
            ObjectExpect::Version(_) => {
                return Err(StoreError::Unsupported { feature: "a deletion that expects a version" });
            }
        }
        if self.head(name).await?.is_none() {
            return Ok(false);
        }
        match self.store.delete(&path::of(name)?).await {
            Ok(()) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failure::of_write("delete an object", error)),
        }
    }

    async fn list(&self, options: ListObjects) -> Result<ObjectPage, StoreError> {
        let ListObjects { prefix, after, limit } = options;
        let (limit, mut found, mut more) = (limit.max(1), BTreeMap::new(), false);
        let mut listed = self.store.list(path::folder_of(&prefix).as_ref());
        while let Some(meta) = listed.next().await {
            let meta = match meta {
                // A folder that is not there.
                Err(Error::NotFound { .. }) => continue,
                meta => meta.map_err(|error| failure::of("list objects", error))?,
            };
            let Some(name) = path::name_of(&meta.location) else { continue };
            if !name.as_str().starts_with(&prefix) || after.as_ref().is_some_and(|after| name <= *after) {
                continue;
            }
            found.insert(name.clone(), attributes::basic_info(name, &meta));
            // The order of paths is not that of names, so that all are looked at.
            if found.len() > limit {
                more = true;
                found.pop_last();
            }
        }
        let objects: Vec<_> = found.into_values().collect();
        let next = objects.last().filter(|_| more).map(|info| info.name.clone());
        Ok(ObjectPage::new(objects, next))
    }
}

#[async_trait]
impl HealthCheck for ExternalObjects {
    fn name(&self) -> &str {
        "objects"
    }

    async fn check(&self) -> Health {
        let health = match timeout(HEALTH, self.0.store.list(None).next()).await {
            Ok(None | Some(Ok(_))) => Health::up(),
            Ok(Some(Err(error))) => Health::down(Report(&error).to_string()),
            Err(_) => Health::down("no answer"),
        };
        health.detail("bucket", self.0.bucket.clone())
    }
}

#[async_trait]
impl Objects for ExternalObjects {
    async fn put(
        &self,
        name: &ObjectName,
        data: ObjectData,
        options: PutObject,
    ) -> Result<ObjectInfo, StoreError> {
        self.measured("put", self.0.put(name, data, options)).await
    }

    async fn get(&self, name: &ObjectName, options: GetObject) -> Result<Option<ObjectReader>, StoreError> {
        self.measured("get", self.0.get(name, options)).await
    }

    async fn head(&self, name: &ObjectName) -> Result<Option<ObjectInfo>, StoreError> {
        self.measured("head", self.0.head(name)).await
    }

    async fn delete(&self, name: &ObjectName, expect: ObjectExpect) -> Result<bool, StoreError> {
        self.measured("delete", self.0.delete(name, expect)).await
    }

    async fn list(&self, options: ListObjects) -> Result<ObjectPage, StoreError> {
        self.measured("list", self.0.list(options)).await
    }

    async fn watch(&self, _options: WatchObjects) -> Result<Box<dyn ObjectWatch>, StoreError> {
        Err(StoreError::Unsupported { feature: "watches of objects" })
    }

    async fn sweep(&self, older_than: Duration) -> Result<Swept, StoreError> {
        let Some(folder) = self.0.folder.clone() else {
            return Err(StoreError::Unsupported { feature: "sweeps" });
        };
        self.measured("sweep", sweep::folder(folder, older_than)).await
    }

    fn presign(&self) -> Option<&dyn Presign> {
        self.0.presign.as_deref()
    }
}

impl fmt::Debug for ExternalObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalObjects").field("store", &self.0.store.to_string()).finish_non_exhaustive()
    }
}
