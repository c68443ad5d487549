use std::{error::Error, panic::Location};

use crate::{Context, Level, Tag};

/// One record as a [`Logger`](crate::Logger) takes it, borrowed from the caller's stack.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Entry<'a> {
    /// How much it matters.
    pub level: Level,
    /// The unit of work it belongs to.
    pub ctx: &'a Context,
    /// What happened: a constant sentence, lower case, without data.
    pub msg: &'a str,
    /// What went wrong, for the `error` key; its chain of sources is logged with it.
    pub error: Option<&'a (dyn Error + 'static)>,
    /// The data.
    pub tags: &'a [Tag<'a>],
    /// Where in the source it was written.
    pub site: Callsite<'a>,
}

impl<'a> Entry<'a> {
    /// A record without error and tags.
    pub const fn new(level: Level, ctx: &'a Context, msg: &'a str, site: Callsite<'a>) -> Self {
        Self { level, ctx, msg, error: None, tags: &[], site }
    }

    /// Adds the error.
    #[must_use]
    pub const fn with_error(self, error: &'a (dyn Error + 'static)) -> Self {
        Self { error: Some(error), ..self }
    }

    /// Sets the tags.
    #[must_use]
    pub const fn with_tags(self, tags: &'a [Tag<'a>]) -> Self {
        Self { tags, ..self }
    }
}

/// Where in the source a record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Callsite<'a> {
    /// What the level rules match: the module path, or the target of a bridged record. Empty when unknown, which only
    /// the default rule matches.
    pub target: &'a str,
    /// The source file; empty when unknown.
    pub file: &'a str,
    /// The line in `file`; 0 when unknown.
    pub line: u32,
}

impl<'a> Callsite<'a> {
    /// A location in the source; the macros write `Callsite::new(module_path!(), file!(), line!())`.
    pub const fn new(target: &'a str, file: &'a str, line: u32) -> Self {
        Self { target, file, line }
    }
}

impl Callsite<'static> {
    /// The location of the caller, without a target.
    #[track_caller]
    pub const fn caller() -> Self {
        let location = Location::caller();
        Self { target: "", file: location.file(), line: location.line() }
    }
}
