use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::time::Instant;
use underpin_nats::async_nats::StatusCode;
use underpin_nats::jetstream::{EphemeralConsumer, MessagePosition, nanos};
use underpin_nats::{Connection, NatsError};

use super::chunk_stream::ChunkStream;
use crate::StoreError;
use crate::bucket::ChunkSource;

/// How often a consumer is made without a chunk between.
const ATTEMPTS: usize = 3;
/// How long a reader may pause before its consumer is made again.
const INACTIVE: Duration = Duration::from_secs(60);
const OPERATION: &str = "read a chunk";

/// Chunks from a consumer that is pulled: at most a window of them is in flight, however slow the reader is.
pub(super) struct ChunkDownload {
    stream: Arc<ChunkStream>,
    subject: String,
    source: ChunkSource,
    window: u64,
    consumer: Option<Consumer>,
    /// The index of the next chunk.
    next: u64,
    /// The sequence of the last one.
    last: Option<u64>,
    failures: usize,
}

struct Consumer {
    consumer: EphemeralConsumer,
    /// How many chunks it has left to be asked for, and how many are in flight.
    left: u64,
    asked: u64,
}

enum Pulled {
    Chunk(MessagePosition, Bytes),
    /// The server has no more.
    End,
}

impl ChunkDownload {
    pub(super) fn new(stream: Arc<ChunkStream>, subject: String, source: ChunkSource, window: u64) -> Self {
        let next = source.first;
        Self { stream, subject, source, window, consumer: None, next, last: None, failures: 0 }
    }

    /// The next chunk; none when it is missing, or after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        if self.source.count == 1
            && self.next == 0
            && let Some(chunk) = self.only_one().await
        {
            self.next = 1;
            return Ok(Some(chunk));
        }
        while self.next < self.source.count {
            match self.step().await {
                Ok(Some((index, chunk))) => {
                    self.failures = 0;
                    if index == self.next {
                        self.next += 1;
                        if self.next == self.source.count {
                            self.close().await;
                        }
                        return Ok(Some(chunk));
                    }
                    // Behind the one that is wanted: it begins where the chunk may be at the earliest.
                    if index > self.next {
                        return Ok(None);
                    }
                }
                Ok(None) => return Ok(None),
                Err(error) => {
                    self.consumer = None;
                    self.failures += 1;
                    if self.failures >= ATTEMPTS || !error.is_retryable() {
                        return Err(error);
                    }
                }
            }
        }
        Ok(None)
    }

    /// The chunk of an object that has one, without a consumer; none where a replica does not have it.
    async fn only_one(&self) -> Option<Bytes> {
        let subject = format!("$JS.API.DIRECT.GET.{}.{}", self.stream.name, self.subject);
        let answer = self.stream.api.send_again(subject, Bytes::new()).await.ok()?;
        answer.status.is_none().then_some(answer.payload)
    }

    async fn step(&mut self) -> Result<Option<(u64, Bytes)>, StoreError> {
        let connection = self.stream.api.connection();
        let consumer = match &mut self.consumer {
            Some(consumer) => consumer,
            None => match Consumer::make(&self.stream, &self.subject, self.start()).await? {
                Some(consumer) => self.consumer.insert(consumer),
                None => return Ok(None),
            },
        };
        match consumer.next(connection, &self.stream.name, self.window).await? {
            Pulled::Chunk(position, chunk) => {
                self.last = Some(position.sequence);
                // Counted from the end: what is removed from a stream is removed from its beginning.
                let index = self.source.count.checked_sub(position.pending + 1);
                Ok(index.map(|index| (index, chunk)))
            }
            Pulled::End => Ok(None),
        }
    }

    /// The sequence at which the next chunk is at the earliest.
    fn start(&self) -> u64 {
        match (self.last, self.source.position) {
            (Some(last), _) => last + 1,
            (None, Some(first)) => first + self.source.first,
            (None, None) => 1,
        }
    }

    /// Removes the consumer. One that stays is removed by the server.
    async fn close(&mut self) {
        let Some(consumer) = self.consumer.take() else { return };
        let subject = format!("$JS.API.CONSUMER.DELETE.{}.{}", self.stream.name, consumer.consumer.name());
        drop(self.stream.api.connection().publish(subject.into(), None, None, Bytes::new()).await);
    }
}

impl Consumer {
    /// Makes a consumer of the chunks from a sequence on; none when there are none.
    async fn make(stream: &ChunkStream, subject: &str, start: u64) -> Result<Option<Self>, StoreError> {
        let config = json!({
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": start,
            "filter_subject": subject,
            "inactive_threshold": nanos(INACTIVE),
        });
        let created = EphemeralConsumer::create(&stream.api, &stream.name, |_| config).await;
        let consumer = created.map_err(|error| stream.failed(OPERATION, error))?;
        let left = consumer.pending();
        Ok((left > 0).then_some(Self { consumer, left, asked: 0 }))
    }

    async fn next(
        &mut self,
        connection: &Connection,
        stream: &str,
        window: u64,
    ) -> Result<Pulled, StoreError> {
        // Half a window at a time, so that the server is never idle.
        if self.asked <= window / 2 && self.left > 0 {
            let batch = (window - self.asked).min(self.left);
            let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{}", self.consumer.name());
            let body = json!({ "batch": batch, "no_wait": true }).to_string();
            let inbox = Some(self.consumer.inbox().into());
            let asked = connection.publish(subject.into(), inbox, None, body.into()).await;
            asked.map_err(|error| StoreError::unanswered(OPERATION, error))?;
            (self.asked, self.left) = (self.asked + batch, self.left - batch);
        }
        let within = connection.request_timeout();
        let lost = || StoreError::Unavailable(Box::new(NatsError::Lost));
        let message = match self.consumer.ready() {
            Some(message) => message,
            None => {
                let message = self.consumer.next(Instant::now() + within).await.map_err(|_| lost())?;
                message.ok_or(StoreError::Timeout { operation: OPERATION, within })?
            }
        };
        match message.status {
            None => {
                let position = message.reply.as_deref().and_then(MessagePosition::parse).ok_or_else(lost)?;
                self.asked = self.asked.saturating_sub(1);
                Ok(Pulled::Chunk(position, message.payload))
            }
            Some(StatusCode::NOT_FOUND) => Ok(Pulled::End),
            Some(status) => {
                let problem = format!("the consumer ended with {status}");
                Err(StoreError::Unavailable(problem.into()))
            }
        }
    }
}
