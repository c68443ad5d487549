use std::time::Duration;

use crate::{FlushError, Level};

/// Takes finished lines. A sink never panics, never waits without a limit, and counts what it could not keep.
pub trait Sink: Send + Sync {
    /// Takes one or more complete lines. Lines of one thread keep their order; a line is never torn.
    ///
    /// The level lets a sink pass urgent lines on at once.
    fn write(&self, level: Level, lines: &[u8]);

    /// Takes lines only while the output works; returns false otherwise, and does not count them as lost. The logger reports
    /// its losses this way.
    fn offer(&self, lines: &[u8]) -> bool {
        self.write(Level::Warn, lines);
        true
    }

    /// Waits until every line taken before has been passed on.
    ///
    /// # Errors
    ///
    /// [`FlushError`] when the deadline passes first or the last attempt to pass lines on failed.
    fn flush(&self, deadline: Duration) -> Result<(), FlushError>;

    /// How many lines were lost since the sink was made.
    fn dropped(&self) -> u64;

    /// Reopens the file after a log rotation has moved it. Without effect on anything but files.
    ///
    /// # Errors
    ///
    /// What opening the file reports; the sink then keeps the file it has.
    fn reopen(&self) -> std::io::Result<()> {
        Ok(())
    }
}

const _: fn(&dyn Sink) = |_| ();
