//! Stored messages, read without a parser of NATS headers between: the JSON API returns the header block as base64.

use std::time::SystemTime;

use async_nats::jetstream::ErrorCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::api::JetStreamApi;
use super::error::answered;
use crate::{EventsError, deadline};

/// A message as the stream stores it.
#[derive(Clone, Debug)]
pub(super) struct RawMessage {
    pub(super) sequence: u64,
    pub(super) subject: String,
    pub(super) time: SystemTime,
    /// The header block as it arrived; empty without headers.
    pub(super) headers: Bytes,
    pub(super) payload: Bytes,
}

/// Which message to read.
#[derive(Clone, Copy)]
pub(super) enum ReadPosition<'a> {
    At(u64),
    /// The first one from a sequence on, among these subjects.
    From(u64, &'a str),
}

/// Reads a message; none when there is none at this position.
pub(super) async fn read(
    api: &JetStreamApi,
    stream: &str,
    position: ReadPosition<'_>,
) -> Result<Option<RawMessage>, EventsError> {
    let query = match position {
        ReadPosition::At(sequence) => json!({ "seq": sequence }),
        ReadPosition::From(sequence, subjects) => json!({ "seq": sequence, "next_by_subj": subjects }),
    };
    let subject = api.subject(&format!("STREAM.MSG.GET.{stream}"));
    let until = deadline::after(api.connection.request_timeout());
    let answer = api.connection.request(subject, None, query.to_string().into(), until).await?;
    let answer: GetResponse = serde_json::from_slice(&answer.payload)
        .map_err(|error| EventsError::backend("read message", error))?;
    match answer {
        GetResponse { message: Some(message), .. } => message.decode().map(Some),
        GetResponse { error: Some(error), .. } if error.error_code() == ErrorCode::NO_MESSAGE_FOUND => {
            Ok(None)
        }
        GetResponse { error: Some(error), .. } => Err(answered(error, stream, 0)),
        GetResponse { message: None, error: None } => Ok(None),
    }
}

#[derive(Deserialize)]
struct GetResponse {
    message: Option<Stored>,
    error: Option<async_nats::jetstream::Error>,
}

#[derive(Deserialize)]
struct Stored {
    seq: u64,
    subject: String,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
    time: String,
}

impl Stored {
    fn decode(self) -> Result<RawMessage, EventsError> {
        let bytes = |text: &str| {
            STANDARD
                .decode(text)
                .map(Bytes::from)
                .map_err(|error| EventsError::backend("read message", error))
        };
        let time = OffsetDateTime::parse(&self.time, &Rfc3339);
        Ok(RawMessage {
            sequence: self.seq,
            subject: self.subject,
            time: time.map_or(SystemTime::UNIX_EPOCH, SystemTime::from),
            headers: bytes(&self.hdrs)?,
            payload: bytes(&self.data)?,
        })
    }
}
