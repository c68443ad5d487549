use std::time::Duration;

use crate::{Context, Entry, FlushError, Level, Logger};

/// A logger that writes nothing; every level is off, so no record is built either.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoopLogger;

impl Logger for NoopLogger {
    fn enabled(&self, _: Level, _: &str, _: &Context) -> bool {
        false
    }

    fn log<'a>(&self, _: &Entry<'a>) {}

    fn flush(&self, _: Duration) -> Result<(), FlushError> {
        Ok(())
    }
}
