//! The content mode of a message, by its headers (NATS protocol binding, section 3).

use bytes::Bytes;

use super::attributes::essence;
use super::cloud_event::Event;
use super::invalid_event::InvalidEventError;
use super::json::STRUCTURED_CONTENT_TYPE;

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
        let mut content_types = headers.clone().filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let media_type = content_types.next().map_or("", |(_, value)| essence(value));
        // Without a suffix it is JSON, the format that every reader supports.
        if [STRUCTURED_CONTENT_TYPE, CLOUD_EVENTS].iter().any(|known| media_type.eq_ignore_ascii_case(known))
        {
            return Self::from_json(&body);
        }
        let prefix = media_type.get(..CLOUD_EVENTS.len());
        if prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(CLOUD_EVENTS)) {
            return Err(InvalidEventError::attribute(
                "content-type",
                "names an event format other than JSON",
            ));
        }
        if headers.clone().any(|(name, _)| name.eq_ignore_ascii_case("ce-specversion")) {
            return Self::from_binary(headers, body);
        }
        unnamed(&body)
    }
}
