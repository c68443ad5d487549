use std::collections::VecDeque;

use async_nats::Subject;
use bytes::Bytes;

use super::publish_settings::ContentMode;
use super::publisher::Publisher;
use super::wire::Outbound;
use crate::{Event, EventsError};

/// Messages with the indexes of their events.
pub(super) type Encoded = VecDeque<(usize, Result<Outbound, EventsError>)>;

/// How many bytes are encoded ahead, or one event more.
const AHEAD: usize = 64 * 1024;

/// Encodes the events from an index on: at most a quarter of the window, and in structured mode as many as some [`AHEAD`] bytes
/// hold, in one buffer.
pub(super) fn encode(publisher: &Publisher, events: &[Option<Event>], from: usize) -> Encoded {
    let count = (publisher.settings.window / 4).max(1);
    let events = events.iter().enumerate().skip(from).take(count);
    let events = events.filter_map(|(index, event)| Some((index, event.as_ref()?)));
    if publisher.settings.mode == ContentMode::Binary {
        // The body is a part of the event.
        return events.map(|(index, event)| (index, publisher.outbound(event))).collect();
    }
    let (mut json, mut ranges) = (Vec::new(), Vec::with_capacity(count));
    for (index, event) in events {
        let start = json.len();
        event.write_json(&mut json);
        ranges.push((index, event, start..json.len()));
        if json.len() >= AHEAD {
            break;
        }
    }
    let json = Bytes::from(json);
    // Most events of a batch are of one type.
    let mut last: Option<(&str, Subject)> = None;
    let mut encoded = Encoded::with_capacity(ranges.len());
    for (index, event, range) in ranges {
        let subject = match &last {
            Some((ty, subject)) if *ty == event.ty() => Ok(subject.clone()),
            _ => publisher.subject_of(event).inspect(|subject| last = Some((event.ty(), subject.clone()))),
        };
        let message = subject.and_then(|subject| Outbound::structured(subject, event, json.slice(range)));
        encoded.push_back((index, message));
    }
    encoded
}
