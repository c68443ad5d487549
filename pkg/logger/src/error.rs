use std::{io, time::Duration};

/// Records that were accepted may not have reached their sink.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// The sink did not take everything in time.
    #[error("log sink did not take all records within {within:?}")]
    TimedOut {
        /// The time that was allowed.
        within: Duration,
    },
    /// The sink refused.
    #[error("log sink failed")]
    Sink(#[source] io::Error),
}
