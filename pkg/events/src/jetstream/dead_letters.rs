use std::sync::Arc;

use async_nats::jetstream::stream::Stream;
use async_nats::{HeaderMap, Subject};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::api::JetStreamApi;
use super::publisher::Publisher;
use super::raw_message::{RawMessage, ReadPosition, read};
use super::settings::JetStreamSettings;
use super::wire::{MESSAGE_ID, Outbound, insert, is_original};
use super::{header_block, header_text, wire};
use crate::{DeadLetter, EventsError, PublishReceipt};

/// The longest reason that a dead letter carries, in characters.
const MAX_REASON: usize = 1024;

/// What a dead letter carries besides the headers of its event.
mod header {
    pub(super) const REASON: &str = "Underpin-Reason";
    pub(super) const ATTEMPTS: &str = "Underpin-Attempts";
    pub(super) const SEQUENCE: &str = "Underpin-Sequence";
    /// Headers and payload stayed in the stream of events.
    pub(super) const PAYLOAD_LEFT: &str = "Underpin-Payload";
    /// The header block of a message that the client cannot read, as base64.
    pub(super) const RAW_HEADERS: &str = "Underpin-Raw-Headers";
}

/// An event that is given up.
pub(super) struct GivenUp<'a> {
    pub(super) subscription: &'a str,
    pub(super) sequence: u64,
    /// The subject it arrived on.
    pub(super) subject: &'a str,
    pub(super) reason: &'a str,
    pub(super) attempts: u32,
    pub(super) payload: Bytes,
}

/// The stream of dead letters.
pub(crate) struct DeadLetterStore {
    api: Arc<JetStreamApi>,
    publisher: Arc<Publisher>,
    settings: JetStreamSettings,
}

impl DeadLetterStore {
    pub(super) fn new(
        api: Arc<JetStreamApi>,
        publisher: Arc<Publisher>,
        settings: &JetStreamSettings,
    ) -> Self {
        Self { api, publisher, settings: settings.clone() }
    }

    /// Stores an event with its original headers.
    pub(super) async fn put(
        &self,
        event: GivenUp<'_>,
        originals: Option<&HeaderMap>,
    ) -> Result<(), EventsError> {
        let own = self.own_headers(&event)?;
        let mut headers = own.clone();
        let originals = originals.into_iter().flat_map(HeaderMap::iter);
        for (name, values) in originals.filter(|(name, _)| is_original(name.as_ref())) {
            values.iter().for_each(|value| headers.append(name.clone(), value.clone()));
        }
        self.store(event, headers, own).await
    }

    /// Stores an event whose header block the client cannot read.
    pub(super) async fn put_raw(&self, event: GivenUp<'_>, block: &Bytes) -> Result<(), EventsError> {
        let own = self.own_headers(&event)?;
        let mut headers = own.clone();
        insert(&mut headers, header::RAW_HEADERS, &STANDARD.encode(block))?;
        self.store(event, headers, own).await
    }

    fn own_headers(&self, event: &GivenUp<'_>) -> Result<HeaderMap, EventsError> {
        let GivenUp { subscription, sequence, reason, attempts, .. } = event;
        let stream = &self.settings.stream.name;
        let mut own = HeaderMap::new();
        insert(&mut own, MESSAGE_ID, &format!("{stream}:{sequence}:{subscription}"))?;
        insert(&mut own, header::REASON, &header_text::encode(reason, MAX_REASON))?;
        insert(&mut own, header::ATTEMPTS, &attempts.to_string())?;
        insert(&mut own, header::SEQUENCE, &sequence.to_string())?;
        Ok(own)
    }

    async fn store(
        &self,
        event: GivenUp<'_>,
        headers: HeaderMap,
        mut own: HeaderMap,
    ) -> Result<(), EventsError> {
        let ty = self.settings.stream.type_in(event.subject);
        let subject: Subject = self.settings.dead_letters.subject_of(event.subscription, ty).into();
        let whole = Outbound { subject: subject.clone(), headers, payload: event.payload };
        let stored = self.publisher.send(&whole).await;
        if !matches!(stored, Err(EventsError::TooLarge { .. })) {
            return stored.map(drop);
        }
        // With the reason it is larger than the server takes: headers and payload stay in the stream of events.
        insert(&mut own, header::PAYLOAD_LEFT, "in-stream")?;
        self.publisher.send(&Outbound { subject, headers: own, payload: Bytes::new() }).await.map(drop)
    }

    pub(super) async fn list(&self, after: u64, limit: usize) -> Result<Vec<DeadLetter>, EventsError> {
        let mut dead_letters = Vec::new();
        let (mut next, all) = (after.saturating_add(1), self.settings.dead_letters.all());
        while dead_letters.len() < limit {
            let found = self.read(ReadPosition::From(next, &all)).await?;
            let Some(dead_letter) = found else { break };
            next = dead_letter.id.saturating_add(1);
            dead_letters.push(dead_letter);
        }
        Ok(dead_letters)
    }

    pub(super) async fn inspect(&self, id: u64) -> Result<DeadLetter, EventsError> {
        self.read(ReadPosition::At(id)).await?.ok_or_else(|| missing(id))
    }

    pub(super) async fn replay(&self, id: u64) -> Result<PublishReceipt, EventsError> {
        let dead_letter = self.inspect(id).await?;
        if !dead_letter.complete {
            return Err(EventsError::NotFound { what: format!("the event of dead letter {id}") });
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &dead_letter.headers {
            // A header that no client can read would only come back as another dead letter.
            drop(wire::append(&mut headers, name, value));
        }
        let DeadLetter { subscription, sequence, ty, payload, .. } = dead_letter;
        // The event stays the same; this tells the server that the message is new.
        insert(&mut headers, MESSAGE_ID, &format!("replay:{subscription}:{sequence}:{id}"))?;
        let subject = self.settings.stream.replay_subject_of(&subscription, &ty).into();
        let receipt = self.publisher.send(&Outbound { subject, headers, payload }).await?;
        self.discard(id).await?;
        Ok(receipt)
    }

    pub(super) async fn discard(&self, id: u64) -> Result<(), EventsError> {
        let stream: Stream<()> = self
            .api
            .context()
            .get_stream_no_info(&self.settings.dead_letters.stream)
            .await
            .map_err(|error| EventsError::backend("dead letter stream", error))?;
        match self.api.call("delete message", stream.delete_message(id)).await? {
            Ok(true) => Ok(()),
            Ok(false) => Err(missing(id)),
            Err(error) => match self.inspect(id).await {
                Err(EventsError::NotFound { .. }) => Err(missing(id)),
                _ => Err(EventsError::backend("delete message", error)),
            },
        }
    }

    async fn read(&self, position: ReadPosition<'_>) -> Result<Option<DeadLetter>, EventsError> {
        let stream = &self.settings.dead_letters.stream;
        let Some(message) = read(&self.api, stream, position).await? else { return Ok(None) };
        let pairs = header_block::pairs(&message.headers);
        let own = |name: &str| {
            let found = pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str())
        };
        let (subscription, ty) = self.settings.dead_letters.parts(&message.subject);
        let origin = own(header::SEQUENCE).and_then(|text| text.parse().ok()).unwrap_or_default();
        let raw_headers = own(header::RAW_HEADERS).and_then(|text| STANDARD.decode(text).ok());
        let mut dead_letter = DeadLetter {
            id: message.sequence,
            subscription: subscription.to_owned(),
            reason: header_text::decode(own(header::REASON).unwrap_or_default()).into_owned(),
            attempts: own(header::ATTEMPTS).and_then(|text| text.parse().ok()).unwrap_or_default(),
            time: message.time,
            ty: ty.to_owned(),
            sequence: origin,
            headers: originals(&pairs),
            raw_headers: raw_headers.map(Bytes::from),
            payload: message.payload,
            complete: true,
        };
        if let Some(block) = &dead_letter.raw_headers {
            dead_letter.headers = originals(&header_block::pairs(block));
        }
        if own(header::PAYLOAD_LEFT).is_some() {
            match self.left_in_stream(origin).await? {
                Some(left) => {
                    dead_letter.headers = originals(&header_block::pairs(&left.headers));
                    let unreadable = header_block::unreadable(&left).is_some();
                    dead_letter.raw_headers = unreadable.then_some(left.headers);
                    dead_letter.payload = left.payload;
                }
                None => dead_letter.complete = false,
            }
        }
        Ok(Some(dead_letter))
    }

    /// An event that was too large to be stored together with its reason. A sequence that no stream has, such as one that a
    /// foreign message makes up, has no event.
    async fn left_in_stream(&self, sequence: u64) -> Result<Option<RawMessage>, EventsError> {
        match read(&self.api, &self.settings.stream.name, ReadPosition::At(sequence)).await {
            Err(EventsError::Backend { .. }) => Ok(None),
            read => read,
        }
    }
}

fn originals(pairs: &[(String, String)]) -> Vec<(String, String)> {
    pairs.iter().filter(|(name, _)| is_original(name)).cloned().collect()
}

fn missing(id: u64) -> EventsError {
    EventsError::NotFound { what: format!("dead letter {id}") }
}
