use std::io;

use underpin_errors::BoxError;

/// Telemetry could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// A setting or an `OTEL_*` variable is not valid.
    #[error("invalid setting `{name}`: {reason}")]
    Setting {
        /// The setting or the variable.
        name: &'static str,
        /// What it must be.
        reason: &'static str,
    },
    /// The exporter could not be built from the settings.
    #[error("cannot build the exporter of {signal}")]
    Exporter {
        /// `traces` or `logs`.
        signal: &'static str,
        /// What the exporter says.
        #[source]
        source: BoxError,
    },
    /// The buckets of a histogram are empty or not ascending.
    #[error("invalid histogram buckets")]
    Buckets(#[source] BoxError),
    /// The system refuses another thread.
    #[error("cannot start a thread of telemetry")]
    Thread(#[source] io::Error),
}
