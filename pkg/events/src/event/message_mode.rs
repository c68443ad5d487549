//! The content mode of a message, by its headers (NATS protocol binding, section 3).

use bytes::Bytes;

use super::attributes::essence;
use super::cloud_event::Event;
use super::invalid_event::InvalidEventError;
use super::json::STRUCTURED_CONTENT_TYPE;

/// The content mode that the headers of a message name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MessageMode {
    /// The payload is an event in the JSON format.
    Structured,
    /// The payload is an event, or several, in a format that this crate does not read.
    OtherFormat,
    /// The attributes are headers.
    Binary,
    /// The headers name none.
    Unnamed,
}

impl MessageMode {
    fn of<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut mode = Self::Unnamed;
        for (name, value) in headers {
            if name.eq_ignore_ascii_case("content-type") {
                let media_type = essence(value);
                // Without a suffix it is JSON, the format that every reader supports.
                if [STRUCTURED_CONTENT_TYPE, CLOUD_EVENTS]
                    .iter()
                    .any(|known| media_type.eq_ignore_ascii_case(known))
                {
                    return Self::Structured;
                }
                let prefix = media_type.get(..CLOUD_EVENTS.len());
                if prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(CLOUD_EVENTS)) {
                    return Self::OtherFormat;
                }
            } else if name.eq_ignore_ascii_case("ce-specversion") {
                mode = Self::Binary;
            }
        }
        mode
    }
}

/// What the media types of all event formats begin with.
const CLOUD_EVENTS: &str = "application/cloudevents";

impl Event {
    /// Reads a message in either mode. A CloudEvents `Content-Type` selects structured mode, otherwise `ce-specversion` selects
    /// binary mode, and a message with neither is read as the JSON format.
    ///
    /// # Errors
    /// [`InvalidEventError`] when the message is no valid event of that mode, or is in another format than JSON.
    ///
    /// # Examples
    /// ```
    /// use underpin_events::Event;
    ///
    /// let headers = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/orders"), ("ce-type", "order.placed")];
    /// let event = Event::from_message(headers, "".into())?;
    /// assert_eq!(event.ty(), "order.placed");
    /// # Ok::<(), underpin_events::InvalidEventError>(())
    /// ```
    pub fn from_message<'a, H>(headers: H, body: Bytes) -> Result<Self, InvalidEventError>
    where
        H: IntoIterator<Item = (&'a str, &'a str)>,
        H::IntoIter: Clone,
    {
        Self::read_message(headers.into_iter(), body, Self::from_json)
    }

    /// Reads a message as [`from_message`](Self::from_message) does, and the JSON of a message that names no mode as
    /// [`from_json_or_flat`](Self::from_json_or_flat) does.
    ///
    /// # Errors
    /// [`InvalidEventError`] when the message is neither.
    #[cfg(feature = "flat")]
    pub fn from_message_or_flat<'a, H>(headers: H, body: Bytes) -> Result<Self, InvalidEventError>
    where
        H: IntoIterator<Item = (&'a str, &'a str)>,
        H::IntoIter: Clone,
    {
        Self::read_message(headers.into_iter(), body, Self::from_json_or_flat)
    }

    fn read_message<'a>(
        headers: impl Iterator<Item = (&'a str, &'a str)> + Clone,
        body: Bytes,
        unnamed: fn(&[u8]) -> Result<Self, InvalidEventError>,
    ) -> Result<Self, InvalidEventError> {
        match MessageMode::of(headers.clone()) {
            MessageMode::Structured => Self::from_json(&body),
            MessageMode::OtherFormat => {
                Err(InvalidEventError::attribute("content-type", "names an event format other than JSON"))
            }
            MessageMode::Binary => Self::from_binary(headers, body),
            MessageMode::Unnamed => unnamed(&body),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_comes_before_the_version_header() {
        let mode = |headers: &[(&'static str, &'static str)]| MessageMode::of(headers.iter().copied());
        let structured = ("Content-Type", "Application/CloudEvents+JSON; charset=utf-8");
        let binary = ("CE-SpecVersion", "1.0");
        assert_eq!(mode(&[binary, structured]), MessageMode::Structured);
        assert_eq!(mode(&[structured, binary]), MessageMode::Structured);
        assert_eq!(mode(&[("content-type", "application/cloudevents")]), MessageMode::Structured);
        assert_eq!(mode(&[("content-type", "application/json"), binary]), MessageMode::Binary);
        assert_eq!(mode(&[("content-type", "application/json")]), MessageMode::Unnamed);
        assert_eq!(mode(&[]), MessageMode::Unnamed);
        for other in ["application/cloudevents-batch+json", "application/cloudevents+avro"] {
            assert_eq!(mode(&[binary, ("content-type", other)]), MessageMode::OtherFormat, "{other}");
        }
    }
}
