use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::invalid_event::InvalidEventError;

/// An RFC 3339 time with the text it was written in: digits and offset of a foreign event survive a round trip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Timestamp {
    pub(super) value: OffsetDateTime,
    pub(super) text: String,
}

impl Timestamp {
    pub(super) fn parse(text: impl Into<String>) -> Result<Self, InvalidEventError> {
        let text = text.into();
        let invalid = || InvalidEventError::attribute("time", "is not an RFC 3339 timestamp");
        // RFC 3339 lets applications choose another separator than T; CloudEvents does not.
        if !matches!(text.as_bytes().get(10), Some(b'T' | b't')) {
            return Err(invalid());
        }
        let value = OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| invalid())?;
        Ok(Self { value, text })
    }

    /// Fails for what RFC 3339 cannot write: years before 0 and offsets with seconds.
    pub(super) fn new(value: OffsetDateTime) -> Result<Self, InvalidEventError> {
        let text = value.format(&Rfc3339).map_err(|_| {
            InvalidEventError::attribute("time", "cannot be written as an RFC 3339 timestamp")
        })?;
        Ok(Self { value, text })
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn keeps_the_text_it_was_given() {
        for text in
            ["2018-04-05T17:31:00Z", "2018-04-05T17:31:00.000Z", "1990-12-31T15:59:59.123456789-08:00"]
        {
            assert_eq!(Timestamp::parse(text).unwrap().text, text);
        }
        for bad in [
            "2018-04-05",
            "yesterday",
            "2018-13-05T17:31:00Z",
            "",
            "2018-04-05 17:31:00Z",
            "2018-04-05_17:31:00Z",
        ] {
            assert!(Timestamp::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn refuses_what_rfc_3339_cannot_write() {
        assert!(Timestamp::new(datetime!(2026-11-20 14:00 +01:00)).is_ok());
        assert!(Timestamp::new(datetime!(-1-01-01 0:00 UTC)).is_err());
        assert!(Timestamp::new(datetime!(2026-11-20 14:00 +01:00:01)).is_err());
    }
}
