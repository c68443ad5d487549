use bytes::Bytes;
use serde_json::{Value, json};
use underpin_config::ByteSize;
use underpin_nats::NatsError;
use underpin_nats::async_nats::StatusCode;
use underpin_nats::jetstream::{JetStreamApi, StreamInfo};

use super::publish::Write;
use super::stored;
use super::stream::BucketLayout;
use crate::{BucketSettings, Entry, Expect, Key, Revision, StoreError, Ttl};

/// How often a create is tried over a removal that others replace at the same time.
const ATTEMPTS: usize = 4;

/// The values of `KV-Operation`.
pub(super) const DELETE: &str = "DEL";
pub(super) const PURGE: &str = "PURGE";

/// The calls to the server for one bucket.
pub(super) struct Backend {
    pub(super) api: JetStreamApi,
    pub(super) bucket: BucketSettings,
    pub(super) layout: BucketLayout,
}

impl Backend {
    fn subject(&self, key: &Key) -> String {
        format!("{}{key}", self.layout.prefix)
    }

    pub(super) async fn info(&self) -> Result<StreamInfo, StoreError> {
        let name = &self.bucket.name;
        let found = self.api.stream(&self.layout.stream).await;
        let found = found.map_err(|error| StoreError::jetstream("read bucket", name, error))?;
        found.ok_or_else(|| StoreError::NoBucket { bucket: name.clone() })
    }

    /// The message that a query of `STREAM.MSG.GET` finds, read from the leader, with its sequence.
    pub(super) async fn message(&self, query: &Value) -> Result<Option<(u64, Option<Entry>)>, StoreError> {
        let found = self.api.message(&self.layout.stream, query).await;
        let found = found.map_err(|error| StoreError::jetstream("read", &self.bucket.name, error))?;
        Ok(found.map(|message| (message.sequence, stored::read(message, &self.layout.prefix))))
    }

    /// The last write of a key, a removal or not.
    pub(super) async fn last(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let found = self.message(&json!({ "last_by_subj": self.subject(key) })).await?;
        Ok(found.and_then(|(_, entry)| entry))
    }

    /// The last write of a key, from whichever replica answers.
    pub(super) async fn last_anywhere(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let subject = format!("$JS.API.DIRECT.GET.{}.{}", self.layout.stream, self.subject(key));
        let answer = match self.api.send(subject, None, Bytes::new()).await {
            Ok(answer) => answer,
            // An entry with a malformed header ends the client's task, and with it the request: the JSON API carries it.
            // It also distinguishes a missing bucket.
            Err(NatsError::Lost | NatsError::NoResponders { .. }) => return self.last(key).await,
            Err(error) => return Err(StoreError::unanswered("read", error)),
        };
        match (answer.status, &answer.headers) {
            (Some(StatusCode::NOT_FOUND), _) => Ok(None),
            (None, Some(headers)) => Ok(stored::direct(headers, &self.layout.prefix, answer.payload)),
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
        let ttl = self.bucket.whole_seconds(ttl)?;
        let limit = self.bucket.max_value_size.map(ByteSize::as_usize);
        if limit.is_some_and(|limit| value.len() > limit) {
            return Err(StoreError::TooLarge { size: value.len(), limit });
        }
        let write = |expected| Write {
            stream: &self.layout.stream,
            bucket: &self.bucket.name,
            rollup: self.layout.rollup,
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
        mut operation: &'static str,
        expect: Expect,
    ) -> Result<(), StoreError> {
        // Once the marker of a purge has expired, a server that is killed brings the value back (nats-server 8505); that of a deletion leaves
        // another one when it expires. There is one write of a key, so that both remove the same.
        if self.bucket.key_ttl {
            operation = DELETE;
        }
        let expected = match expect {
            Expect::Anything => None,
            Expect::Absent => return Err(StoreError::option("expect", "must not be `Absent` for a removal")),
            Expect::Revision(revision) => Some(revision.get()),
        };
        let ttl = self.bucket.key_ttl.then(|| self.bucket.marker_ttl.as_secs().max(1));
        let write = Write {
            stream: &self.layout.stream,
            bucket: &self.bucket.name,
            subject: self.subject(key),
            value: Bytes::new(),
            expected,
            ttl,
            operation: Some(operation),
            rollup: self.layout.rollup || operation == PURGE,
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
        let written = json!({ "filter": self.subject(key), "seq": revision.get() + 1 });
        let purged = self.api.purge(&self.layout.stream, &written).await;
        purged.map_err(|error| StoreError::jetstream("purge", &self.bucket.name, error))
    }
}
