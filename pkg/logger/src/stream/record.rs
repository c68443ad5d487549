use std::{error::Error, time::Duration};

use crate::{Context, Entry, Level, Value, tag::FieldKey};

/// What every record has, wherever it comes from.
pub(crate) struct RecordMeta<'a> {
    pub(crate) level: Level,
    pub(crate) ctx: &'a Context,
    pub(crate) target: &'a str,
    /// The source file and the line, where known.
    pub(crate) location: Option<(&'a str, u32)>,
    pub(crate) error: Option<&'a (dyn Error + 'static)>,
    pub(crate) since_epoch: Duration,
}

/// What differs between an [`Entry`] and the records of slog, tracing and log: how message and fields are got at.
pub(crate) trait RecordSource {
    /// Whether [`RecordSource::fields`] runs code of others outside of the values that it hands over.
    const RUNS_FOREIGN_CODE: bool = true;

    /// Hands over the message, once at most.
    fn message(&self, put: &mut dyn FnMut(Value<'_>));

    /// The message, if it is there as a text.
    fn text(&self) -> Option<&str> {
        None
    }

    /// What records that repeat each other have in common: the constant message, or the location in the source.
    fn sampling_key(&self) -> (&str, u32);

    /// Hands over the fields; of two with the same key the first is kept.
    fn fields(&self, put: &mut impl FnMut(FieldKey<'_>, Value<'_>));
}

impl RecordSource for Entry<'_> {
    const RUNS_FOREIGN_CODE: bool = false;

    fn text(&self) -> Option<&str> {
        Some(self.msg)
    }

    fn message(&self, put: &mut dyn FnMut(Value<'_>)) {
        put(Value::Str(self.msg));
    }

    fn sampling_key(&self) -> (&str, u32) {
        (self.msg, 0)
    }

    fn fields(&self, put: &mut impl FnMut(FieldKey<'_>, Value<'_>)) {
        for tag in self.tags {
            put(tag.name(), tag.value());
        }
    }
}

impl<'a> RecordMeta<'a> {
    pub(crate) fn of(entry: &'a Entry<'a>) -> Self {
        let site = entry.site;
        Self {
            level: entry.level,
            ctx: entry.ctx,
            target: site.target,
            location: (!site.file.is_empty()).then_some((site.file, site.line)),
            error: entry.error,
            since_epoch: crate::random::since_epoch(),
        }
    }
}
