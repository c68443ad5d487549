//! Events as messages, and messages as events.

use std::str::FromStr;

use async_nats::{HeaderMap, HeaderName, HeaderValue, Subject};
use bytes::Bytes;

use super::header_text;
use super::publish_settings::ContentMode;
use crate::accept::Accept;
use crate::{Event, EventsError, InvalidEventError, STRUCTURED_CONTENT_TYPE};

/// The header by which the server drops a repeat.
pub(super) const MESSAGE_ID: &str = "Nats-Msg-Id";

const CONTENT_TYPE: &str = "Content-Type";

/// What goes on the wire for one event.
#[derive(Clone)]
pub(super) struct Outbound {
    pub(super) subject: Subject,
    pub(super) headers: HeaderMap,
    pub(super) payload: Bytes,
}

impl Outbound {
    pub(super) fn new(subject: Subject, event: &Event, mode: ContentMode) -> Result<Self, EventsError> {
        match mode {
            ContentMode::Structured => Self::structured(subject, event, event.to_json()),
            ContentMode::Binary => {
                let message = event.to_binary();
                let mut headers = headers_of(event)?;
                for (name, value) in &message.headers {
                    insert(&mut headers, name, value)?;
                }
                Ok(Self { subject, headers, payload: message.body })
            }
        }
    }

    /// An event whose JSON is there already.
    pub(super) fn structured(subject: Subject, event: &Event, payload: Bytes) -> Result<Self, EventsError> {
        let mut headers = headers_of(event)?;
        headers.insert(HeaderName::from_static(CONTENT_TYPE), STRUCTURED_CONTENT_TYPE);
        Ok(Self { subject, headers, payload })
    }
}

fn headers_of(event: &Event) -> Result<HeaderMap, EventsError> {
    let mut id = event.message_id();
    if id.contains(['\r', '\n']) {
        return Err(not_a_header(MESSAGE_ID));
    }
    if !id.is_ascii() {
        // Every other id begins with a digit: without the mark, an ASCII id that reads like the encoding would be the same.
        id = format!("%:{}", header_text::encode(&id, usize::MAX));
    }
    let mut headers = HeaderMap::new();
    // Moved in without a copy, which panics where the check above would have refused.
    headers.insert(HeaderName::from_static(MESSAGE_ID), id);
    Ok(headers)
}

/// Adds a header. A value with CR or LF is refused here: the client below would panic.
pub(super) fn insert(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), EventsError> {
    let (name, value) = header(name, value)?;
    headers.insert(name, value);
    Ok(())
}

/// Adds one more value of a header, with the same care.
pub(super) fn append(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), EventsError> {
    let (name, value) = header(name, value)?;
    headers.append(name, value);
    Ok(())
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), EventsError> {
    let value = HeaderValue::from_str(value).map_err(|_| not_a_header(name))?;
    Ok((HeaderName::from_str(name).map_err(|_| not_a_header(name))?, value))
}

fn not_a_header(name: &str) -> EventsError {
    EventsError::InvalidEvent(InvalidEventError::attribute(name, "cannot be a header"))
}

/// Reads a message in the mode that its headers name.
pub(super) fn decode(
    headers: Option<&HeaderMap>,
    payload: &Bytes,
    accept: Accept,
) -> Result<Event, InvalidEventError> {
    let attributes = || headers.into_iter().flat_map(pairs);
    match accept {
        Accept::CloudEvents => Event::from_message(attributes(), payload.clone()),
        #[cfg(feature = "flat")]
        Accept::CloudEventsOrFlat => Event::from_message_or_flat(attributes(), payload.clone()),
    }
}

/// Whether a header is an original of the event: not for the server, or added by it, or added by this crate. A message that is
/// stored once more must not repeat the others: the server would refuse or obey them.
pub(super) fn is_original(name: &str) -> bool {
    let starts = |with: &str| name.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    !starts("nats-") && !starts("underpin-")
}

/// Every header with each of its values.
pub(super) fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> + Clone {
    headers.iter().flat_map(|(name, values)| values.iter().map(move |value| (name.as_ref(), value.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hazard_7_a_header_with_cr_or_lf_is_an_error_and_no_panic() {
        let mut headers = HeaderMap::new();
        for bad in ["a\r\nInjected: yes", "\n", "\r"] {
            assert!(insert(&mut headers, "Reason", bad).is_err());
            assert!(insert(&mut headers, "Reason", &header_text::encode(bad, 100)).is_ok());
        }
        assert!(insert(&mut headers, "bad name:", "x").is_err());
    }

    #[test]
    fn both_modes_are_read_whatever_the_case_of_their_headers() {
        let event = Event::builder("t", "/s").json(&1).build().unwrap();
        for mode in [ContentMode::Structured, ContentMode::Binary] {
            let message = Outbound::new("s".into(), &event, mode).unwrap();
            assert_eq!(decode(Some(&message.headers), &message.payload, Accept::CloudEvents).unwrap(), event);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("Ce-Specversion", "1.0"), ("CE-ID", "1"), ("ce-Type", "t"), ("Ce-Source", "/s")]
        {
            insert(&mut headers, name, value).unwrap();
        }
        assert_eq!(decode(Some(&headers), &Bytes::new(), Accept::CloudEvents).unwrap().id(), "1");
    }
}
