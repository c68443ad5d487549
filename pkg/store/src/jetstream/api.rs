use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;
use underpin_nats::async_nats::{HeaderMap, Message};
use underpin_nats::{Connection, NatsError};

use crate::StoreError;

/// How often a request is sent whose repetition changes nothing.
const ATTEMPTS: usize = 3;

/// The JSON API of JetStream over a connection. Nothing here parses the headers of a stored message: a malformed one would end the
/// client's task.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) connection: Connection,
}

/// An error that the server answered with.
#[derive(Clone, Debug, Deserialize, thiserror::Error)]
#[error("{description} (error {err_code})")]
pub(super) struct ApiError {
    #[serde(default)]
    pub(super) err_code: u64,
    #[serde(default)]
    pub(super) description: String,
}

impl ApiError {
    pub(super) const NO_MESSAGE: u64 = 10037;
    pub(super) const NO_STREAM: u64 = 10059;
    const NO_CONSUMER: u64 = 10014;
    const TOO_LARGE: u64 = 10054;
    const FULL: [u64; 6] = [10002, 10023, 10028, 10047, 10077, 10122];
    const PASSING: [u64; 6] = [10004, 10006, 10007, 10008, 10009, 10118];

    /// The error of the operation that got this answer.
    pub(super) fn into_store(self, operation: &'static str, bucket: &str, size: usize) -> StoreError {
        match self.err_code {
            Self::NO_STREAM | Self::NO_CONSUMER => StoreError::NoBucket { bucket: bucket.to_owned() },
            Self::TOO_LARGE => StoreError::TooLarge { size, limit: None },
            code if Self::FULL.contains(&code) => StoreError::Full,
            code if Self::PASSING.contains(&code) => StoreError::Unavailable(Box::new(self)),
            _ => StoreError::Backend { operation, source: Box::new(self) },
        }
    }
}

#[derive(Deserialize)]
struct Envelope {
    error: Option<ApiError>,
}

impl Api {
    /// Sends one request.
    pub(super) async fn send(
        &self,
        subject: String,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Result<Message, NatsError> {
        let until = Instant::now() + self.connection.request_timeout();
        self.connection.request(subject.into(), headers, payload, until).await
    }

    /// Sends a request whose repetition changes nothing, again after a lost connection.
    pub(super) async fn send_again(&self, subject: String, payload: Bytes) -> Result<Message, NatsError> {
        let mut attempt = 1;
        loop {
            match self.send(subject.clone(), None, payload.clone()).await {
                Err(NatsError::Lost) if attempt < ATTEMPTS => attempt += 1,
                done => return done,
            }
        }
    }

    /// Calls the API, such as `STREAM.INFO.KV_carts`; inside, the error that the server answered with.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        call: &str,
        body: &Value,
    ) -> Result<Result<T, ApiError>, StoreError> {
        let payload = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let answer = self.send_again(format!("$JS.API.{call}"), payload).await;
        let answer = answer.map_err(|error| unanswered(operation, error))?;
        parse(operation, &answer.payload)
    }
}

/// Reads an answer of the API.
pub(super) fn parse<T: DeserializeOwned>(
    operation: &'static str,
    answer: &[u8],
) -> Result<Result<T, ApiError>, StoreError> {
    let unreadable = |error: serde_json::Error| StoreError::Backend { operation, source: Box::new(error) };
    let envelope: Envelope = serde_json::from_slice(answer).map_err(unreadable)?;
    match envelope.error {
        Some(error) => Ok(Err(error)),
        None => serde_json::from_slice(answer).map(Ok).map_err(unreadable),
    }
}

/// The error of a request that changed nothing, answered or not.
pub(super) fn unanswered(operation: &'static str, error: NatsError) -> StoreError {
    match error {
        NatsError::Timeout { within, .. } => StoreError::Timeout { operation, within },
        other => not_sent(other),
    }
}

/// The error of a write that may have been sent.
pub(super) fn unconfirmed(error: NatsError) -> StoreError {
    if error.is_ambiguous() { StoreError::Unconfirmed(Box::new(error)) } else { not_sent(error) }
}

fn not_sent(error: NatsError) -> StoreError {
    match error {
        NatsError::Disconnected => StoreError::Disconnected,
        NatsError::Closed => StoreError::Closed,
        NatsError::TooLarge { size, limit } => StoreError::TooLarge { size, limit: Some(limit) },
        NatsError::Unauthorized(source) => StoreError::Unauthorized(source),
        NatsError::InvalidOption { option, problem } => StoreError::InvalidOption { option, problem },
        NatsError::ServerTooOld { feature, required, .. } => StoreError::ServerTooOld { feature, required },
        other => StoreError::Unavailable(Box::new(other)),
    }
}
