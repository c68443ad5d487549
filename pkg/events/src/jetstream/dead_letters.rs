use std::time::SystemTime;

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use async_trait::async_trait;

use super::message::header;
use super::wire::{MESSAGE_ID, Outbound, append, insert, original_pairs};
use super::{Inner, JetStream};
use crate::{DeadLetter, DeadLetterQueue, EventsError, PublishReceipt};

#[async_trait]
impl DeadLetterQueue for JetStream {
    async fn list(&self, after: u64, limit: usize) -> Result<Vec<DeadLetter>, EventsError> {
        let mut letters = Vec::new();
        let mut next = after.saturating_add(1);
        while letters.len() < limit {
            let Some(letter) = self.inner().dead_letter(next, Pick::NextFrom).await? else { break };
            next = letter.id.saturating_add(1);
            letters.push(letter);
        }
        Ok(letters)
    }

    async fn inspect(&self, id: u64) -> Result<DeadLetter, EventsError> {
        self.inner().dead_letter(id, Pick::Exactly).await?.ok_or_else(|| missing(id))
    }

    async fn replay(&self, id: u64) -> Result<PublishReceipt, EventsError> {
        let letter = self.inspect(id).await?;
        if !letter.complete {
            return Err(EventsError::NotFound { what: format!("the event of dead letter {id}") });
        }
        let mut headers = async_nats::HeaderMap::new();
        for (name, value) in &letter.headers {
            append(&mut headers, name, value)?;
        }
        // The event stays what it was; this one tells the server that the message is a new one.
        insert(
            &mut headers,
            MESSAGE_ID,
            &format!("replay:{}:{}:{id}", letter.subscription, letter.sequence),
        )?;
        let subject = self.inner().settings.stream.replay_subject_of(&letter.subscription, &letter.ty).into();
        let receipt = self.inner().send(&Outbound { subject, headers, payload: letter.payload }).await?;
        self.discard(id).await?;
        Ok(receipt)
    }

    async fn discard(&self, id: u64) -> Result<(), EventsError> {
        let inner = self.inner();
        let stream = inner.dead_letter_stream().await?;
        match inner.connection.call("delete message", stream.delete_message(id)).await? {
            Ok(true) => Ok(()),
            Ok(false) => Err(missing(id)),
            Err(error) => match self.inspect(id).await {
                Err(EventsError::NotFound { .. }) => Err(missing(id)),
                _ => Err(EventsError::backend("delete message", error)),
            },
        }
    }
}

/// Which message a position stands for.
#[derive(Clone, Copy)]
enum Pick {
    Exactly,
    NextFrom,
}

impl Inner {
    async fn dead_letter_stream(&self) -> Result<Stream<()>, EventsError> {
        let name = &self.settings.dead_letters.stream;
        let stream = self.jetstream().get_stream_no_info(name).await;
        stream.map_err(|error| EventsError::backend("dead letter stream", error))
    }

    async fn dead_letter(&self, sequence: u64, pick: Pick) -> Result<Option<DeadLetter>, EventsError> {
        let stream = self.dead_letter_stream().await?;
        let Some(message) = self.stored(&stream, sequence, pick).await? else { return Ok(None) };
        let text =
            |name: &str| message.headers.get(name).map(|value| value.as_str().to_owned()).unwrap_or_default();
        let (subscription, ty) = self.settings.dead_letters.parts(&message.subject);
        let origin = text(header::SEQUENCE).parse().unwrap_or_default();
        let mut letter = DeadLetter {
            id: message.sequence,
            subscription: subscription.to_owned(),
            reason: text(header::REASON),
            attempts: text(header::ATTEMPTS).parse().unwrap_or_default(),
            time: SystemTime::from(message.time),
            ty: ty.to_owned(),
            sequence: origin,
            headers: original_pairs(&message.headers),
            payload: message.payload.clone(),
            complete: true,
        };
        if message.headers.get(header::PAYLOAD_LEFT).is_some() {
            match self.left_behind(origin).await? {
                Some(left) => {
                    letter.headers = original_pairs(&left.headers);
                    letter.payload = left.payload;
                }
                None => letter.complete = false,
            }
        }
        Ok(Some(letter))
    }

    /// An event that was too large to be put aside together with its reason.
    async fn left_behind(&self, sequence: u64) -> Result<Option<StreamMessage>, EventsError> {
        let stream = self.jetstream().get_stream_no_info(&self.settings.stream.name).await;
        let stream = stream.map_err(|error| EventsError::backend("read event", error))?;
        self.stored(&stream, sequence, Pick::Exactly).await
    }

    async fn stored<T: Send + Sync>(
        &self,
        stream: &Stream<T>,
        sequence: u64,
        pick: Pick,
    ) -> Result<Option<StreamMessage>, EventsError> {
        let request = stream.raw_message_builder().sequence(sequence);
        let request = match pick {
            Pick::Exactly => request,
            Pick::NextFrom => request.next_by_subject(self.settings.dead_letters.all()),
        };
        match self.connection.call("read message", request.send()).await? {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(EventsError::backend("read message", error)),
        }
    }
}

fn missing(id: u64) -> EventsError {
    EventsError::NotFound { what: format!("dead letter {id}") }
}
