use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use underpin_nats::async_nats::header::NATS_MESSAGE_TTL;
use underpin_nats::async_nats::{HeaderMap, StatusCode, Subject};
use underpin_nats::jetstream::parse;
use underpin_nats::{NatsError, Reply, ReplyInbox};

use super::chunk_stream::ChunkStream;
use crate::StoreError;
use crate::bucket::ChunkUpload;

const OPERATION: &str = "store a chunk";

#[derive(Deserialize)]
struct Ack {
    seq: u64,
}

/// Chunks to one subject over one connection, which keeps their order, with several acknowledgements outstanding.
pub(super) struct JetStreamUpload {
    stream: Arc<ChunkStream>,
    subject: Subject,
    headers: Option<HeaderMap>,
    inbox: Option<ReplyInbox>,
    /// The number of the first chunk in the inbox, which others used before.
    begin: u64,
    epoch: u64,
    window: usize,
    in_flight: usize,
    /// The sequence of the first chunk.
    first: Option<u64>,
}

impl JetStreamUpload {
    pub(super) async fn begin(
        stream: Arc<ChunkStream>,
        subject: String,
        ttl: Option<u64>,
        window: usize,
    ) -> Result<Self, StoreError> {
        let connection = stream.api.connection();
        let lost = |error| StoreError::unanswered(OPERATION, error);
        let epoch =
            connection.connected(Instant::now() + connection.request_timeout()).await.map_err(lost)?;
        let inbox = connection.reply_inbox().await.map_err(lost)?;
        let headers = ttl.map(|seconds| {
            let mut headers = HeaderMap::new();
            headers.insert(NATS_MESSAGE_TTL, format!("{seconds}s").as_str());
            headers
        });
        let begin = inbox.next_number();
        let (subject, inbox) = (subject.into(), Some(inbox));
        Ok(Self { stream, subject, headers, inbox, begin, epoch, window, in_flight: 0, first: None })
    }

    /// Takes the next acknowledgement: inside, why its chunk was refused; outside, why none comes any more.
    async fn acknowledged(&mut self) -> Result<Result<(), StoreError>, StoreError> {
        let Some(inbox) = &mut self.inbox else { return Err(StoreError::Closed) };
        let connection = self.stream.api.connection();
        let within = connection.request_timeout();
        let until = Instant::now() + within;
        let answer = loop {
            let reply = tokio::select! {
                biased;
                reply = timeout_at(until, inbox.next()) => {
                    reply.map_err(|_| StoreError::Timeout { operation: OPERATION, within })?
                }
                () = connection.lost(self.epoch) => return Err(lost()),
            };
            match reply {
                Reply::Answer(number, message) if number.wrapping_sub(self.begin) < u64::MAX / 2 => {
                    break message;
                }
                Reply::Denied(denial) if concerns(&denial, &self.subject) => {
                    return Err(StoreError::Unauthorized(denial.into()));
                }
                Reply::Ended => return Err(lost()),
                _ => {}
            }
        };
        self.in_flight = self.in_flight.saturating_sub(1);
        if answer.status == Some(StatusCode::NO_RESPONDERS) {
            let problem = self.stream.api.no_responders(&self.stream.name).await;
            return Ok(Err(self.stream.failed(OPERATION, problem)));
        }
        Ok(match parse::<Ack>(&answer.payload) {
            Ok(Ack { seq }) => {
                self.first = Some(self.first.map_or(seq, |first| first.min(seq)));
                Ok(())
            }
            Err(error) => {
                Err(StoreError::refused(OPERATION, &self.stream.bucket, answer.payload.len(), error))
            }
        })
    }
}

/// The link ended. What was sent is below an id that no metadata names.
fn lost() -> StoreError {
    StoreError::Unavailable(Box::new(NatsError::Lost))
}

fn concerns(denial: &underpin_nats::Denial, subject: &Subject) -> bool {
    matches!(denial, underpin_nats::Denial::Publish(denied) if **denied == **subject)
}

#[async_trait]
impl ChunkUpload for JetStreamUpload {
    async fn send(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        while self.in_flight >= self.window {
            self.acknowledged().await??;
        }
        let connection = self.stream.api.connection();
        // Over another connection the order would not hold.
        if connection.link().epoch != self.epoch {
            return Err(lost());
        }
        let Some(inbox) = &mut self.inbox else { return Err(StoreError::Closed) };
        let (_, reply) = inbox.number();
        // Before: a call that is dropped may have sent it.
        self.in_flight += 1;
        let sent = connection.publish(self.subject.clone(), Some(reply), self.headers.clone(), chunk).await;
        sent.map_err(|error| {
            self.in_flight -= 1;
            StoreError::unanswered(OPERATION, error)
        })
    }

    async fn finish(&mut self) -> Result<Option<u64>, StoreError> {
        while self.in_flight > 0 {
            self.acknowledged().await??;
        }
        if let Some(inbox) = self.inbox.take() {
            self.stream.api.connection().release_inbox(inbox);
        }
        Ok(self.first)
    }

    async fn abandon(&mut self) {
        while self.in_flight > 0 && self.acknowledged().await.is_ok() {}
    }
}
