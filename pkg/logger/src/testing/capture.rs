use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{Context, Entry, FlushError, Level, Logger, RequestId};

/// A logger that keeps its entries, of every level, for assertions that print all of them when they fail.
///
/// Clones share their entries. Each test makes its own, so tests that run at the same time do not see each other.
///
/// # Examples
///
/// ```
/// use underpin_logger::{Context, Level, info, testing::CaptureLogger};
///
/// let log = CaptureLogger::new();
/// info!(log, &Context::background(), "order accepted", items = 3);
/// let entry = log.assert_logged(Level::Info, "order accepted");
/// assert_eq!(entry.tag("items"), Some("3"));
/// log.assert_not_logged(Level::Error);
/// ```
#[derive(Debug, Clone, Default)]
pub struct CaptureLogger {
    entries: Arc<Mutex<Vec<CapturedEntry>>>,
}

impl CaptureLogger {
    /// A logger that has captured nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything that was logged so far, oldest first.
    pub fn entries(&self) -> Vec<CapturedEntry> {
        self.lock().clone()
    }

    /// Everything that was logged so far, which is then forgotten.
    pub fn take(&self) -> Vec<CapturedEntry> {
        std::mem::take(&mut self.lock())
    }

    /// The first entry with this level and message.
    ///
    /// # Panics
    ///
    /// When there is none; the panic prints everything that was logged.
    #[track_caller]
    #[expect(clippy::panic, reason = "an assertion")]
    pub fn assert_logged(&self, level: Level, msg: &str) -> CapturedEntry {
        let found = self.lock().iter().find(|entry| entry.level == level && entry.msg == msg).cloned();
        found.unwrap_or_else(|| panic!("no {level} record {msg:?} among what was logged:\n{self}"))
    }

    /// Checks that no record was logged at `level` or above.
    ///
    /// # Panics
    ///
    /// When something was; the panic prints everything that was logged.
    #[track_caller]
    pub fn assert_not_logged(&self, level: Level) {
        assert!(
            !self.lock().iter().any(|entry| entry.level >= level),
            "a record at {level} or above among what was logged:\n{self}"
        );
    }

    fn lock(&self) -> MutexGuard<'_, Vec<CapturedEntry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line per entry.
impl fmt::Display for CaptureLogger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries();
        if entries.is_empty() {
            return f.write_str("  (nothing)");
        }
        entries.iter().try_for_each(|entry| writeln!(f, "  {entry}"))
    }
}

impl Logger for CaptureLogger {
    fn enabled(&self, _: Level, _: &str, _: &Context) -> bool {
        true
    }

    fn log<'a>(&self, entry: &Entry<'a>) {
        let captured = CapturedEntry::of(entry);
        self.lock().push(captured);
    }

    fn flush(&self, _: Duration) -> Result<(), FlushError> {
        Ok(())
    }
}

/// An owned copy of an [`Entry`]; values are kept as their text.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CapturedEntry {
    /// How much it matters.
    pub level: Level,
    /// The unit of work it belongs to.
    pub ctx: Context,
    /// What happened.
    pub msg: String,
    /// The chain of the error, outermost first; empty without an error.
    pub error: Vec<String>,
    /// The data, in the order given.
    pub tags: Vec<(String, String)>,
    /// The module that logged; empty when unknown.
    pub target: String,
}

impl CapturedEntry {
    /// The text of a tag's value.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The request id of the entry's context.
    pub fn request_id(&self) -> Option<&str> {
        self.ctx.request_id().map(RequestId::as_str)
    }

    fn of(entry: &Entry<'_>) -> Self {
        Self {
            level: entry.level,
            ctx: entry.ctx.clone(),
            msg: entry.msg.to_owned(),
            error: entry.error.map(|error| underpin_errors::chain(error).collect()).unwrap_or_default(),
            tags: entry.tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_string())).collect(),
            target: entry.site.target.to_owned(),
        }
    }
}

impl fmt::Display for CapturedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:5} {:?}", self.level, self.msg)?;
        if let Some(id) = self.request_id() {
            write!(f, " request_id={id}")?;
        }
        for (key, value) in &self.tags {
            write!(f, " {key}={value:?}")?;
        }
        if !self.error.is_empty() {
            write!(f, " error={:?}", self.error)?;
        }
        Ok(())
    }
}
