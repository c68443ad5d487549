use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use underpin_nats::NatsError;
use underpin_nats::async_nats::HeaderMap;
use underpin_nats::jetstream::{ApiError, JetStreamApi, parse};

use super::failure::unconfirmed;
use crate::{Revision, StoreError, random};

const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";
const MESSAGE_ID: &str = "Nats-Msg-Id";
const TTL: &str = "Nats-TTL";
const ROLLUP: &str = "Nats-Rollup";
/// Another sequence than expected; the second while a write to the same key is under way in a cluster.
const WRONG_SEQUENCE: u64 = 10071;
const WRONG_SEQUENCE_IN_FLIGHT: u64 = 10164;

/// A write of one subject.
pub(super) struct Write<'a> {
    pub(super) stream: &'a str,
    pub(super) bucket: &'a str,
    pub(super) subject: String,
    pub(super) value: Bytes,
    /// The sequence of the last message of the subject; 0 for none.
    pub(super) expected: Option<u64>,
    pub(super) ttl: Option<u64>,
    pub(super) operation: Option<&'static str>,
    /// Whether it removes the earlier messages of the subject.
    pub(super) rollup: bool,
}

#[derive(Deserialize)]
struct Ack {
    seq: u64,
}

impl Write<'_> {
    fn headers(&self) -> Result<Option<HeaderMap>, StoreError> {
        let mut headers = HeaderMap::new();
        if let Some(expected) = self.expected {
            headers.insert(EXPECTED, expected.to_string().as_str());
            // Distinguishes a repetition of this write from another writer's.
            headers.insert(MESSAGE_ID, crate::kv::hex(&random::bytes::<16>()?).as_str());
        }
        if let Some(seconds) = self.ttl {
            headers.insert(TTL, format!("{seconds}s").as_str());
        }
        if let Some(operation) = self.operation {
            headers.insert(super::stored::OPERATION, operation);
        }
        if self.rollup {
            headers.insert(ROLLUP, "sub");
        }
        Ok((!headers.is_empty()).then_some(headers))
    }

    /// Writes, and returns the new revision. A conditional write that was lost with the connection is sent once more.
    pub(super) async fn send(self, api: &JetStreamApi) -> Result<Revision, StoreError> {
        let (headers, size) = (self.headers()?, self.value.len());
        let sent = api.send(self.subject.clone(), headers.clone(), self.value.clone()).await;
        if self.expected.is_some() && matches!(sent, Err(NatsError::Lost)) {
            return self.send_again(api, headers).await;
        }
        let answer = match sent {
            Ok(answer) => answer,
            Err(NatsError::NoResponders { .. }) => {
                let problem = api.no_responders(self.stream).await;
                return Err(StoreError::jetstream("write", self.bucket, problem));
            }
            Err(error) => return Err(unconfirmed(error)),
        };
        match parse::<Ack>(&answer.payload) {
            Ok(ack) => Ok(Revision::new(ack.seq)),
            Err(error) => Err(refused(error, self.bucket, size)),
        }
    }

    /// Sends a conditional write again whose first answer was lost. Where that is a conflict, the first one may have made it.
    async fn send_again(
        self,
        api: &JetStreamApi,
        headers: Option<HeaderMap>,
    ) -> Result<Revision, StoreError> {
        let id = headers.as_ref().and_then(|headers| headers.get(MESSAGE_ID)).map(ToString::to_string);
        let answer = match api.send(self.subject.clone(), headers, self.value.clone()).await {
            Ok(answer) => answer,
            Err(error) => return Err(StoreError::Unconfirmed(Box::new(error))),
        };
        let refusal = match parse::<Ack>(&answer.payload) {
            Ok(ack) => return Ok(Revision::new(ack.seq)),
            Err(refusal) => refused(refusal, self.bucket, self.value.len()),
        };
        if !refusal.is_conflict() {
            return Err(StoreError::Unconfirmed(Box::new(refusal)));
        }
        match api.message(self.stream, &json!({ "last_by_subj": self.subject })).await {
            Ok(Some(message)) if id.is_some() && message.header(MESSAGE_ID) == id => {
                Ok(Revision::new(message.sequence))
            }
            // Another writer was there: before us, or after us.
            _ => Err(StoreError::Unconfirmed(Box::new(refusal))),
        }
    }
}

fn refused(error: ApiError, bucket: &str, size: usize) -> StoreError {
    match error.err_code {
        WRONG_SEQUENCE => StoreError::Conflict { current: last_sequence(&error.description) },
        WRONG_SEQUENCE_IN_FLIGHT => StoreError::Conflict { current: None },
        _ => StoreError::refused("write", bucket, size, error),
    }
}

/// The number in `wrong last sequence: 17`; none for 0, which is no write at all.
fn last_sequence(description: &str) -> Option<Revision> {
    let number = description.rsplit(' ').next()?.parse().ok()?;
    (number > 0).then(|| Revision::new(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_revision_is_in_the_text_of_the_server() {
        assert_eq!(last_sequence("wrong last sequence: 17"), Some(Revision::new(17)));
        assert_eq!(last_sequence("wrong last sequence: 0"), None);
        assert_eq!(last_sequence("wrong last sequence"), None);
    }
}
