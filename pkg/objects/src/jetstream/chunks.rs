use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use serde::Deserialize;
use serde_json::json;
use underpin_nats::jetstream::{JetStreamApi, time_of};
use underpin_store::{JetStreamKeyValue, Key, Revision};

use super::chunk_stream::ChunkStream;
use super::download::ChunkDownload;
use super::stream as layout;
use super::upload::JetStreamUpload;
use crate::bucket::{ChunkSource, ChunkUpload, Chunks, StoredChunks};
use crate::{BucketObjects, ObjectBucketSettings, StoreError};

/// What the headers of a chunk take at most: the server counts them with the payload.
const HEADERS: usize = 1024;

/// Opens an object bucket. Sends no request.
pub(super) fn open(api: &JetStreamApi, settings: ObjectBucketSettings) -> BucketObjects {
    let layout = layout::metadata(&settings.name);
    let stream = ChunkStream { api: api.clone(), name: layout.stream.clone(), bucket: settings.name.clone() };
    let metadata = JetStreamKeyValue::with_layout(api.clone(), settings.metadata(), layout);
    let chunks = JetStreamChunks {
        stream: Arc::new(stream),
        prefix: layout::chunks(&settings.name),
        metadata: metadata.clone(),
        settings: settings.clone(),
    };
    BucketObjects::new(Arc::new(metadata), Arc::new(chunks), settings)
}

struct JetStreamChunks {
    stream: Arc<ChunkStream>,
    prefix: String,
    metadata: JetStreamKeyValue,
    settings: ObjectBucketSettings,
}

/// A page of the subjects of a stream.
#[derive(Deserialize)]
struct Subjects {
    /// The server's clock.
    ts: Option<String>,
    state: SubjectState,
    #[serde(default)]
    total: u64,
}

#[derive(Deserialize)]
struct SubjectState {
    #[serde(default)]
    subjects: Option<HashMap<String, u64>>,
}

impl JetStreamChunks {
    fn subject(&self, id: &str) -> String {
        format!("{}{id}", self.prefix)
    }
}

#[async_trait]
impl Chunks for JetStreamChunks {
    fn chunk_size(&self) -> usize {
        let most = self.stream.api.connection().server_info().max_payload;
        let most = if most == 0 { usize::MAX } else { most.saturating_sub(HEADERS).max(1) };
        self.settings.chunk_size.as_usize().min(most)
    }

    async fn upload(&self, id: &str, ttl: Option<Duration>) -> Result<Box<dyn ChunkUpload>, StoreError> {
        let upload = JetStreamUpload::begin(
            Arc::clone(&self.stream),
            self.subject(id),
            ttl.map(|ttl| ttl.as_secs()),
            self.settings.window,
        );
        Ok(Box::new(upload.await?))
    }

    fn download(&self, source: ChunkSource) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let subject = self.subject(&source.id);
        let window = self.settings.window as u64;
        let download = ChunkDownload::new(Arc::clone(&self.stream), subject, source, window);
        stream::try_unfold(download, |mut download| async move {
            Ok(download.next().await?.map(|chunk| (chunk, download)))
        })
        .boxed()
    }

    async fn remove(&self, id: &str) -> Result<(), StoreError> {
        let purged = self.stream.api.purge(&self.stream.name, &json!({ "filter": self.subject(id) })).await;
        purged.map_err(|error| self.stream.failed("purge", error))
    }

    async fn stored(&self) -> Result<(SystemTime, Vec<StoredChunks>), StoreError> {
        let call = format!("STREAM.INFO.{}", self.stream.name);
        let (filter, mut found) = (format!("{}>", self.prefix), Vec::new());
        loop {
            let body = json!({ "subjects_filter": filter, "offset": found.len() });
            let answer = self.stream.api.call::<Subjects>(&call, &body).await;
            let answer = answer.map_err(|error| self.stream.failed("read bucket", error))?;
            let subjects = answer.state.subjects.unwrap_or_default();
            let ids = subjects.keys().filter_map(|subject| subject.strip_prefix(&self.prefix));
            let page: Vec<_> = ids.map(|id| StoredChunks { id: id.to_owned() }).collect();
            let is_last = page.is_empty();
            found.extend(page);
            if is_last || found.len() as u64 >= answer.total {
                let now = answer.ts.as_deref().map_or_else(SystemTime::now, time_of);
                return Ok((now, found));
            }
        }
    }

    async fn last_stored(&self, id: &str) -> Result<Option<SystemTime>, StoreError> {
        let query = json!({ "last_by_subj": self.subject(id) });
        let found = self.stream.api.message(&self.stream.name, &query).await;
        let found = found.map_err(|error| self.stream.failed("read", error))?;
        Ok(found.map(|message| message.written))
    }

    async fn forget(&self, key: &Key, revision: Revision) -> Result<(), StoreError> {
        self.metadata.forget(key, revision).await
    }
}
