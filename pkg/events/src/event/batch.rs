//! The JSON batch format (json-format.md, section 4).

use bytes::Bytes;

use super::cloud_event::Event;
use super::invalid_event::InvalidEventError;

/// The media type of a batch of events.
pub const BATCH_CONTENT_TYPE: &str = "application/cloudevents-batch+json";

/// A JSON array of the events, in their order.
pub fn batch_to_json(events: &[Event]) -> Bytes {
    let mut buffer = Vec::with_capacity(2 + events.len() * 256);
    buffer.push(b'[');
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            buffer.push(b',');
        }
        event.write_json(&mut buffer);
    }
    buffer.push(b']');
    Bytes::from(buffer)
}

/// Reads a JSON array of events. An empty array is an empty batch.
///
/// # Errors
/// [`InvalidEventError::Json`] when the text is not an array or one of its elements is not a valid event.
pub fn batch_from_json(json: &[u8]) -> Result<Vec<Event>, InvalidEventError> {
    serde_json::from_slice(json).map_err(InvalidEventError::Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_keeps_order_and_content() {
        let events: Vec<Event> =
            (0..3).map(|n| Event::builder("t", "/s").id(n.to_string()).json(&n).build().unwrap()).collect();
        assert_eq!(batch_from_json(&batch_to_json(&events)).unwrap(), events);
        assert_eq!(batch_from_json(b"[]").unwrap(), []);
        assert_eq!(&batch_to_json(&[])[..], b"[]");
    }

    #[test]
    fn one_bad_event_refuses_the_batch() {
        let error = batch_from_json(br#"[{"specversion":"1.0","id":"1","source":"/s"}]"#).unwrap_err();
        assert!(matches!(error, InvalidEventError::Json(_)));
    }
}
