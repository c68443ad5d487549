use std::fmt;

use time::OffsetDateTime;

use super::attributes::{check_optional, check_required};
use super::invalid_event::InvalidEventError;
use super::timestamp::Timestamp;

/// The attributes that are text, one behind the other in one piece of memory: an event is made, moved to another thread and
/// dropped for the price of one text instead of six.
///
/// An optional attribute that is there is not empty, so that an empty part is one that is not there.
#[derive(Clone, PartialEq)]
pub(super) struct TextAttributes {
    text: Box<str>,
    /// Where id, source, type, subject and time end; the schema ends with the text.
    ends: [usize; 5],
    time: Option<OffsetDateTime>,
}

/// The attributes of a attributes before they are one piece.
pub(super) struct AttributeParts<'a> {
    pub(super) id: &'a str,
    pub(super) source: &'a str,
    pub(super) ty: &'a str,
    pub(super) subject: Option<&'a str>,
    pub(super) time: Option<&'a Timestamp>,
    pub(super) data_schema: Option<&'a str>,
}

impl AttributeParts<'_> {
    /// The rules that hold for every event, also for one that another program wrote, and then the attributes.
    pub(super) fn checked(&self) -> Result<TextAttributes, InvalidEventError> {
        check_required("id", self.id)?;
        check_required("source", self.source)?;
        check_required("type", self.ty)?;
        check_optional("subject", self.subject)?;
        check_optional("dataschema", self.data_schema)?;
        let time = self.time.map_or("", |time| &time.text);
        let parts = [self.id, self.source, self.ty, self.subject.unwrap_or_default(), time];
        let mut text = String::with_capacity(
            parts.iter().map(|part| part.len()).sum::<usize>() + self.data_schema.map_or(0, str::len),
        );
        let ends = parts.map(|part| {
            text.push_str(part);
            text.len()
        });
        text.push_str(self.data_schema.unwrap_or_default());
        Ok(TextAttributes { text: text.into_boxed_str(), ends, time: self.time.map(|time| time.value) })
    }
}

impl TextAttributes {
    pub(super) fn id(&self) -> &str {
        let [id, ..] = self.ends;
        self.part(0, id)
    }

    pub(super) fn source(&self) -> &str {
        let [id, source, ..] = self.ends;
        self.part(id, source)
    }

    pub(super) fn ty(&self) -> &str {
        let [_, source, ty, ..] = self.ends;
        self.part(source, ty)
    }

    pub(super) fn subject(&self) -> Option<&str> {
        let [_, _, ty, subject, _] = self.ends;
        Some(self.part(ty, subject)).filter(|subject| !subject.is_empty())
    }

    pub(super) fn time(&self) -> Option<OffsetDateTime> {
        self.time
    }

    /// The time as it was written.
    pub(super) fn time_text(&self) -> Option<&str> {
        let [_, _, _, subject, time] = self.ends;
        Some(self.part(subject, time)).filter(|time| !time.is_empty())
    }

    pub(super) fn data_schema(&self) -> Option<&str> {
        let [.., time] = self.ends;
        Some(self.part(time, self.text.len())).filter(|schema| !schema.is_empty())
    }

    /// The bytes of all of them.
    #[cfg(feature = "memory")]
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// The ends are those of parts, so that there is always a text between them.
    fn part(&self, from: usize, to: usize) -> &str {
        self.text.get(from..to).unwrap_or_default()
    }
}

impl fmt::Debug for TextAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextAttributes")
            .field("id", &self.id())
            .field("source", &self.source())
            .field("type", &self.ty())
            .field("subject", &self.subject())
            .field("time", &self.time_text())
            .field("data_schema", &self.data_schema())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_told_apart_again() {
        let time = Timestamp::parse("2026-11-20T14:30:15.250Z").unwrap();
        let parts = AttributeParts {
            id: "é",
            source: "/s",
            ty: "t",
            subject: Some("☂"),
            time: Some(&time),
            data_schema: Some("https://e.x/s"),
        };
        let attributes = parts.checked().unwrap();
        assert_eq!(
            (attributes.id(), attributes.source(), attributes.ty(), attributes.subject()),
            ("é", "/s", "t", Some("☂"))
        );
        assert_eq!(
            (attributes.time_text(), attributes.data_schema()),
            (Some("2026-11-20T14:30:15.250Z"), Some("https://e.x/s"))
        );
        let bare =
            AttributeParts { subject: None, time: None, data_schema: None, ..parts }.checked().unwrap();
        assert_eq!(
            (bare.subject(), bare.time(), bare.time_text(), bare.data_schema()),
            (None, None, None, None)
        );
        assert_ne!(attributes, bare);
        let shifted = |id, source| {
            AttributeParts { id, source, ty: "t", subject: None, time: None, data_schema: None }.checked()
        };
        assert_ne!(shifted("ab", "c").unwrap(), shifted("a", "bc").unwrap());
    }
}
