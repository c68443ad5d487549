use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use serde::Deserialize;
use serde_json::json;

use super::download::ChunkDownload;
use super::stream as layout;
use super::upload::JetStreamUpload;
use crate::jetstream::api::{Api, ApiError};
use crate::jetstream::backend::Backend;
use crate::jetstream::key_value::JetStreamKeyValue;
use crate::jetstream::stored::MessageAnswer;
use crate::objects::{ChunkSource, ChunkUpload, Chunks, StoredChunks};
use crate::{BucketObjects, Key, ObjectBucketSettings, Revision, StoreError};

/// What the headers of a chunk take at most: the server counts them with the payload.
const HEADERS: usize = 1024;

/// Opens an object bucket. Nothing is sent.
pub(in crate::jetstream) fn open(api: Api, settings: ObjectBucketSettings) -> BucketObjects {
    let backend = Arc::new(Backend::of_objects(api, settings.metadata()));
    let prefix = layout::chunks(&settings.name);
    let chunks = JetStreamChunks { backend: Arc::clone(&backend), prefix, settings: settings.clone() };
    BucketObjects::new(Arc::new(JetStreamKeyValue::over(backend)), Arc::new(chunks), settings)
}

struct JetStreamChunks {
    backend: Arc<Backend>,
    prefix: String,
    settings: ObjectBucketSettings,
}

/// A page of the subjects of a stream.
#[derive(Deserialize)]
struct Subjects {
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

    fn refused(&self, operation: &'static str, error: ApiError) -> StoreError {
        error.into_store(operation, &self.settings.name, 0)
    }
}

#[async_trait]
impl Chunks for JetStreamChunks {
    fn chunk_size(&self) -> usize {
        let most = self.backend.api.connection.server_info().max_payload;
        let most = if most == 0 { usize::MAX } else { most.saturating_sub(HEADERS).max(1) };
        self.settings.chunk_size.as_usize().min(most)
    }

    async fn upload(&self, id: &str, ttl: Option<Duration>) -> Result<Box<dyn ChunkUpload>, StoreError> {
        let upload = JetStreamUpload::begin(
            Arc::clone(&self.backend),
            self.subject(id),
            ttl.map(|ttl| ttl.as_secs()),
            self.settings.window,
        );
        Ok(Box::new(upload.await?))
    }

    fn download(&self, source: ChunkSource) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let subject = self.subject(&source.id);
        let window = self.settings.window as u64;
        let download = ChunkDownload::new(Arc::clone(&self.backend), subject, source, window);
        stream::try_unfold(download, |mut download| async move {
            Ok(download.next().await?.map(|chunk| (chunk, download)))
        })
        .boxed()
    }

    async fn remove(&self, id: &str) -> Result<(), StoreError> {
        self.backend.purge(&json!({ "filter": self.subject(id) })).await
    }

    async fn stored(&self) -> Result<Vec<StoredChunks>, StoreError> {
        let call = format!("STREAM.INFO.{}", self.backend.stream);
        let (filter, mut found) = (format!("{}>", self.prefix), Vec::new());
        loop {
            let body = json!({ "subjects_filter": filter, "offset": found.len() });
            let answer = self.backend.api.call::<Subjects>("read bucket", &call, &body).await?;
            let answer = answer.map_err(|error| self.refused("read bucket", error))?;
            let subjects = answer.state.subjects.unwrap_or_default();
            let ids = subjects.keys().filter_map(|subject| subject.strip_prefix(&self.prefix));
            let page: Vec<_> = ids.map(|id| StoredChunks { id: id.to_owned() }).collect();
            let is_last = page.is_empty();
            found.extend(page);
            if is_last || found.len() as u64 >= answer.total {
                return Ok(found);
            }
        }
    }

    async fn last_stored(&self, id: &str) -> Result<Option<SystemTime>, StoreError> {
        let call = format!("STREAM.MSG.GET.{}", self.backend.stream);
        let query = json!({ "last_by_subj": self.subject(id) });
        match self.backend.api.call::<MessageAnswer>("read", &call, &query).await? {
            Ok(MessageAnswer { message }) => Ok(Some(message.written())),
            Err(error) if error.err_code == ApiError::NO_MESSAGE => Ok(None),
            Err(error) => Err(self.refused("read", error)),
        }
    }

    async fn forget(&self, key: &Key, revision: Revision) -> Result<(), StoreError> {
        self.backend.forget(key, revision).await
    }
}
