use bytes::Bytes;
use serde_json::{Value, json};
use underpin_config::ByteSize;
use underpin_nats::NatsError;
use underpin_nats::async_nats::StatusCode;

use super::api::{Api, ApiError, unanswered};
use super::objects::stream as objects_stream;
use super::publish::Write;
use super::stored::{self, MessageAnswer};
use super::stream::{self, StreamInfo};
use crate::kv::ttl;
use crate::{BucketSettings, Entry, Expect, Key, Revision, StoreError, Ttl};

/// How often a create is tried over a removal that others replace at the same time.
const ATTEMPTS: usize = 4;

/// The calls to the server for one bucket.
pub(super) struct Backend {
    pub(super) api: Api,
    pub(super) bucket: BucketSettings,
    pub(super) stream: String,
    pub(super) prefix: String,
    /// Whether a write removes the earlier ones of its key by itself: the stream keeps more than one message of a subject.
    rollup: bool,
}

impl Backend {
    pub(super) fn new(api: Api, bucket: BucketSettings) -> Self {
        let (stream, prefix) = (stream::name(&bucket.name), stream::prefix(&bucket.name));
        Self { api, bucket, stream, prefix, rollup: false }
    }

    /// Of the metadata of objects.
    pub(super) fn of_objects(api: Api, bucket: BucketSettings) -> Self {
        let (stream, prefix) = (objects_stream::name(&bucket.name), objects_stream::metadata(&bucket.name));
        Self { api, bucket, stream, prefix, rollup: true }
    }

    fn subject(&self, key: &Key) -> String {
        format!("{}{key}", self.prefix)
    }

    pub(super) async fn info(&self) -> Result<StreamInfo, StoreError> {
        let call = format!("STREAM.INFO.{}", self.stream);
        let answer = self.api.call("read bucket", &call, &Value::Null).await?;
        answer.map_err(|error| error.into_store("read bucket", &self.bucket.name, 0))
    }

    /// The message that a query of `STREAM.MSG.GET` finds, read from the leader, with its sequence.
    pub(super) async fn message(&self, query: &Value) -> Result<Option<(u64, Option<Entry>)>, StoreError> {
        let call = format!("STREAM.MSG.GET.{}", self.stream);
        match self.api.call::<MessageAnswer>("read", &call, query).await? {
            Ok(MessageAnswer { message }) => Ok(Some((message.seq, message.entry(&self.prefix)?))),
            Err(error) if error.err_code == ApiError::NO_MESSAGE => Ok(None),
            Err(error) => Err(error.into_store("read", &self.bucket.name, 0)),
        }
    }

    /// The last write of a key, a removal or not.
    pub(super) async fn last(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let found = self.message(&json!({ "last_by_subj": self.subject(key) })).await?;
        Ok(found.and_then(|(_, entry)| entry))
    }

    /// The last write of a key, from whichever replica answers.
    pub(super) async fn last_anywhere(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let subject = format!("$JS.API.DIRECT.GET.{}.{}", self.stream, self.subject(key));
        let answer = match self.api.send(subject, None, Bytes::new()).await {
            Ok(answer) => answer,
            // An entry with a malformed header ends the client's task, and with it the request: the JSON API carries it.
            // It also distinguishes a missing bucket.
            Err(NatsError::Lost | NatsError::NoResponders { .. }) => return self.last(key).await,
            Err(error) => return Err(unanswered("read", error)),
        };
        match (answer.status, &answer.headers) {
            (Some(StatusCode::NOT_FOUND), _) => Ok(None),
            (None, Some(headers)) => Ok(stored::direct(headers, &self.prefix, answer.payload)),
            _ => self.last(key).await,
        }
    }

    pub(super) async fn put(
        &self,
        key: &Key,
        value: Bytes,
        expect: Expect,
        ttl: Ttl,
    ) -> Result<Revision, StoreError> {
        let ttl = ttl::seconds(&self.bucket, ttl)?;
        let limit = self.bucket.max_value_size.map(ByteSize::as_usize);
        if limit.is_some_and(|limit| value.len() > limit) {
            return Err(StoreError::TooLarge { size: value.len(), limit });
        }
        let write = |expected| Write {
            stream: &self.stream,
            bucket: &self.bucket.name,
            rollup: self.rollup,
            subject: self.subject(key),
            value: value.clone(),
            expected,
            ttl,
            operation: None,
        };
        let mut expected = match expect {
            Expect::Anything => None,
            Expect::Absent => Some(0),
            Expect::Revision(revision) => Some(revision.get()),
        };
        let mut attempt = 1;
        loop {
            match write(expected).send(&self.api).await {
                // Where a removal is the last write, its sequence is the one to expect.
                Err(StoreError::Conflict { current }) if expect == Expect::Absent => {
                    match self.last(key).await? {
                        Some(entry) if entry.is_put() => {
                            return Err(StoreError::Exists { revision: Some(entry.revision) });
                        }
                        _ if attempt == ATTEMPTS => return Err(StoreError::Conflict { current }),
                        found => expected = Some(found.map_or(0, |removed| removed.revision.get())),
                    }
                    attempt += 1;
                }
                written => return written,
            }
        }
    }

    pub(super) async fn remove(
        &self,
        key: &Key,
        operation: &'static str,
        expect: Expect,
    ) -> Result<(), StoreError> {
        let expected = match expect {
            Expect::Anything => None,
            Expect::Absent => return Err(StoreError::option("expect", "must not be `Absent` for a removal")),
            Expect::Revision(revision) => Some(revision.get()),
        };
        let ttl = self.bucket.key_ttl.then(|| self.bucket.marker_ttl.as_secs().max(1));
        let write = Write {
            stream: &self.stream,
            bucket: &self.bucket.name,
            subject: self.subject(key),
            value: Bytes::new(),
            expected,
            ttl,
            operation: Some(operation),
            rollup: self.rollup,
        };
        write.send(&self.api).await.map(drop)
    }

    pub(super) async fn history(&self, key: &Key) -> Result<Vec<Entry>, StoreError> {
        let (subject, mut from, mut entries) = (self.subject(key), 1, Vec::new());
        while let Some((sequence, entry)) =
            self.message(&json!({ "seq": from, "next_by_subj": subject })).await?
        {
            entries.extend(entry);
            from = sequence + 1;
        }
        Ok(entries)
    }

    pub(super) async fn forget(&self, key: &Key, revision: Revision) -> Result<(), StoreError> {
        // Up to, and without, the sequence: what was written since stays.
        self.purge(&json!({ "filter": self.subject(key), "seq": revision.get() + 1 })).await
    }

    /// Removes messages from the stream.
    pub(super) async fn purge(&self, body: &Value) -> Result<(), StoreError> {
        let call = format!("STREAM.PURGE.{}", self.stream);
        let answer: Result<Value, ApiError> = self.api.call("purge", &call, body).await?;
        answer.map(drop).map_err(|error| error.into_store("purge", &self.bucket.name, 0))
    }
}
