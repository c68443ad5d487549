//! Stores and opens objects.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use underpin_store::{Entry, Expect, Ttl};

use super::download;
use super::id::id;
use super::inner::ObjectBucket;
use super::metadata::{self, Current, Metadata, Placement, StoredOptions};
use super::upload::{self, Upload};
use crate::bucket_settings::GRACE;
use crate::{
    GetObject, ObjectData, ObjectExpect, ObjectInfo, ObjectName, ObjectReader, PutObject, StoreError, meters,
};

impl ObjectBucket {
    pub(super) async fn put(
        self: &Arc<Self>,
        name: &ObjectName,
        data: ObjectData,
        options: PutObject,
    ) -> Result<ObjectInfo, StoreError> {
        let kept = self.kept(options.ttl)?;
        let (began, found) = (Instant::now(), self.current(name).await?);
        metadata::check(&options.expect, found.as_ref())?;
        let id = id()?;
        let chunk_ttl = kept.map(|kept| kept + GRACE);
        let tasks = self.tasks.clone();
        let mut upload = Upload::begin(Arc::clone(&self.chunks), id.clone(), chunk_ttl, tasks).await?;
        let sent = upload.send(data.into_pieces(), options.idle).await?;
        if options.digest.is_some_and(|expected| expected != sent.digest) {
            return Err(StoreError::DigestMismatch);
        }
        let ttl = remaining(kept, began)?;
        meters::bytes(&self.settings.name, "put", sent.size);
        let metadata = Metadata {
            name: name.as_str().to_owned(),
            description: options.description,
            headers: metadata::headers(options.content_type),
            metadata: Some(options.metadata).filter(|metadata| !metadata.is_empty()),
            options: sent
                .is_even
                .then(|| StoredOptions { max_chunk_size: Some(self.chunks.chunk_size() as u64), link: None }),
            bucket: self.settings.name.clone(),
            nuid: id,
            size: sent.size,
            chunks: sent.count,
            digest: Some(metadata::digest_text(&sent.digest)),
            deleted: false,
            underpin: Some(Placement { first: sent.first, ttl: ttl.map(|ttl| ttl.as_secs()) }),
        };
        let (inner, name) = (Arc::clone(self), name.clone());
        self.finished(async move {
            let ttl = ttl.map_or(Ttl::Bucket, Ttl::After);
            match inner.replace(&name, metadata, &options.expect, found, ttl).await {
                // It may be visible.
                Err(error) if error.is_ambiguous() => {
                    upload.keep();
                    Err(error)
                }
                Ok(stored) => {
                    upload.keep();
                    stored.info()
                }
                Err(error) => Err(error),
            }
        })
        .await
    }

    pub(super) async fn get(
        self: &Arc<Self>,
        name: &ObjectName,
        options: GetObject,
    ) -> Result<Option<ObjectReader>, StoreError> {
        let Some(mut current) = self.visible(name).await? else { return Ok(None) };
        if options.version.is_some_and(|version| version != current.version()) {
            return Err(StoreError::Conflict { current: Some(current.entry.revision) });
        }
        let mut name = name.clone();
        if let Some(link) = current.metadata.link() {
            let target = link.name.as_ref().filter(|_| link.bucket == self.settings.name);
            let feature = "links to buckets and into other buckets";
            name = ObjectName::new(target.ok_or(StoreError::Unsupported { feature })?)?;
            let Some(target) = self.visible(&name).await? else { return Ok(None) };
            current = target;
        }
        let info = current.info()?;
        let chunks = download::chunks(Arc::clone(self), name, current, &info, options.range);
        Ok(Some(ObjectReader::new(info, chunks)))
    }

    /// How long a new object is kept.
    fn kept(&self, asked: Option<Duration>) -> Result<Option<Duration>, StoreError> {
        if asked.is_some() && !self.settings.object_ttl {
            return Err(StoreError::option("ttl", "needs a bucket with `object_ttl = true`"));
        }
        let Some(kept) = asked.into_iter().chain(self.settings.ttl).min() else { return Ok(None) };
        let seconds = self.settings.metadata().whole_seconds(Ttl::After(kept))?;
        Ok(seconds.map(Duration::from_secs))
    }

    /// Writes metadata over what was found, or over what is there by now if that is as expected too; removes what it replaced.
    ///
    /// Each write expects what was read: otherwise two writers could replace each other without either removing the other's chunks.
    pub(super) async fn replace(
        &self,
        name: &ObjectName,
        metadata: Metadata,
        expect: &ObjectExpect,
        mut found: Option<Current>,
        ttl: Ttl,
    ) -> Result<Current, StoreError> {
        let (key, value) = (metadata::key(name)?, metadata.to_bytes()?);
        loop {
            metadata::check(expect, found.as_ref())?;
            let expected =
                found.as_ref().map_or(Expect::Absent, |found| Expect::Revision(found.entry.revision));
            match self.metadata.put(&key, value.clone(), expected, ttl).await {
                Ok(revision) => {
                    if let Some(replaced) = found.filter(|found| !found.metadata.deleted) {
                        self.remove(replaced.metadata.nuid).await;
                    }
                    let entry = Entry::new(key, value, revision, SystemTime::now());
                    return Ok(Current { entry, metadata });
                }
                // Each round another writer has won: this ends.
                Err(error) if error.is_conflict() => found = self.current(name).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes chunks: at once, or by a task when that fails.
    async fn remove(&self, id: String) {
        if !id.is_empty() && self.chunks.remove(&id).await.is_err() {
            let chunks = Arc::clone(&self.chunks);
            self.tasks.spawn(async move { upload::remove(&*chunks, &id).await });
        }
    }
}

/// How long the metadata is kept, so that its chunks outlive it.
fn remaining(kept: Option<Duration>, began: Instant) -> Result<Option<Duration>, StoreError> {
    let Some(kept) = kept else { return Ok(None) };
    let left = (kept + GRACE).saturating_sub(began.elapsed()).min(kept).as_secs();
    if left == 0 {
        return Err(StoreError::Timeout {
            operation: "upload within the time to live",
            within: kept + GRACE,
        });
    }
    Ok(Some(Duration::from_secs(left)))
}
