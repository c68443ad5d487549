use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use super::error::{ApiError, JetStreamError};
use super::message::{MessageAnswer, StoredMessage};
use super::stream::StreamInfo;
use crate::{Connection, NatsError};

/// How often a request is sent whose repetition changes nothing.
const ATTEMPTS: usize = 3;

/// The JSON API of JetStream over a connection. Clones share the connection.
///
/// # Examples
/// ```no_run
/// use underpin_nats::Connection;
/// use underpin_nats::jetstream::{JetStreamApi, JetStreamError};
///
/// # async fn example(nats: Connection) -> Result<(), JetStreamError> {
/// let api = JetStreamApi::new(nats);
/// if let Some(info) = api.stream("ORDERS").await? {
///     println!("{} messages", info.state.messages);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct JetStreamApi {
    connection: Connection,
}

impl JetStreamApi {
    /// The API over a connection. Sends no request.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// The connection below.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Sends one message, and waits for its answer within the request timeout.
    ///
    /// # Errors
    /// Those of [`Connection::request`].
    ///
    /// # Cancel safety
    /// The message may be sent.
    pub async fn send(
        &self,
        subject: String,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Result<Message, NatsError> {
        let until = Instant::now() + self.connection.request_timeout();
        self.connection.request(subject.into(), headers, payload, until).await
    }

    /// Sends a request whose repetition changes nothing, again after a lost connection.
    ///
    /// # Errors
    /// Those of [`Connection::request`].
    ///
    /// # Cancel safety
    /// The request may be sent.
    pub async fn send_again(&self, subject: String, payload: Bytes) -> Result<Message, NatsError> {
        let mut attempt = 1;
        loop {
            match self.send(subject.clone(), None, payload.clone()).await {
                Err(NatsError::Lost) if attempt < ATTEMPTS => attempt += 1,
                done => return done,
            }
        }
    }

    /// Calls the API, such as `STREAM.INFO.KV_carts`. A `Null` body is empty. The call is repeated after a lost connection, so its
    /// repetition must change nothing.
    ///
    /// # Errors
    /// [`JetStreamError`].
    ///
    /// # Cancel safety
    /// The call may have had its effect.
    pub async fn call<T: DeserializeOwned>(&self, call: &str, body: &Value) -> Result<T, JetStreamError> {
        let payload = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let answer = self.send_again(format!("$JS.API.{call}"), payload).await;
        let answer = answer.map_err(JetStreamError::Unanswered)?;
        parse(&answer.payload).map_err(JetStreamError::Refused)
    }

    /// What the server knows of a stream; none when there is no such stream.
    ///
    /// # Errors
    /// [`JetStreamError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn stream(&self, stream: &str) -> Result<Option<StreamInfo>, JetStreamError> {
        match self.call(&format!("STREAM.INFO.{stream}"), &Value::Null).await {
            Ok(info) => Ok(Some(info)),
            Err(JetStreamError::Refused(error)) if error.is_missing_stream() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The message that a query of `STREAM.MSG.GET` finds, read from the leader.
    ///
    /// # Errors
    /// [`JetStreamError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn message(
        &self,
        stream: &str,
        query: &Value,
    ) -> Result<Option<StoredMessage>, JetStreamError> {
        match self.call::<MessageAnswer>(&format!("STREAM.MSG.GET.{stream}"), query).await {
            Ok(MessageAnswer { message }) => Ok(Some(message)),
            Err(JetStreamError::Refused(error)) if error.is_missing_message() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes the messages that a request of `STREAM.PURGE` names.
    ///
    /// # Errors
    /// [`JetStreamError`].
    ///
    /// # Cancel safety
    /// They may be removed.
    pub async fn purge(&self, stream: &str, request: &Value) -> Result<(), JetStreamError> {
        self.call::<Value>(&format!("STREAM.PURGE.{stream}"), request).await.map(drop)
    }

    /// Why a publish to a subject of this stream had no responder: the stream is missing, or has no leader.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn no_responders(&self, stream: &str) -> JetStreamError {
        match self.call::<Value>(&format!("STREAM.INFO.{stream}"), &Value::Null).await {
            Ok(_) => JetStreamError::Refused(ApiError::no_leader()),
            Err(error) => error,
        }
    }
}

#[derive(Deserialize)]
struct Envelope {
    error: Option<ApiError>,
}

/// Reads an answer of the API, or the acknowledgement of a publish.
///
/// # Errors
/// The error that is in the answer, or one without a number for what is no answer.
pub fn parse<T: DeserializeOwned>(answer: &[u8]) -> Result<T, ApiError> {
    let unreadable = |error: serde_json::Error| ApiError::unreadable(&error);
    let envelope: Envelope = serde_json::from_slice(answer).map_err(unreadable)?;
    match envelope.error {
        Some(error) => Err(error),
        None => serde_json::from_slice(answer).map_err(unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_what_was_asked_for_or_its_error() {
        assert_eq!(parse::<Value>(br#"{"seq":7}"#).unwrap()["seq"], 7);
        let missing =
            parse::<Value>(br#"{"error":{"code":404,"err_code":10059,"description":"stream not found"}}"#);
        let missing = missing.unwrap_err();
        assert!(missing.is_missing_stream() && !missing.is_transient());
        assert_eq!(missing.to_string(), "stream not found (error 10059)");
        assert_eq!(parse::<Value>(b"{").unwrap_err().err_code, 0);
        assert!(ApiError::no_leader().is_transient());
    }
}
