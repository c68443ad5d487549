//! For OpenTelemetry: the JSON lines of a logger, exported as OTLP log records (feature `otel`).
//!
//! The export hangs behind the sink, not beside the encoder: lines are gathered as for any other output, and the sink's
//! own thread turns them, some 64 KiB at a time, into an `ExportLogsServiceRequest` (OTLP/HTTP with JSON,
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>). A request that is too large for the collector (413) is halved. Callers pay nothing for it, and what a collector that is away
//! does to the log is what a full disk does: lines wait in the buffer, then they are counted.
//!
//! It speaks plain HTTP, to a collector or an agent on the same machine or pod, whose business encryption is.
//!
//! # Examples
//!
//! ```no_run
//! use underpin_logger::{JsonFormat, SlogLogger, otel::OtlpSettings, sink::{BufferedSink, Output, TeeSink}};
//!
//! let sinks = TeeSink::new().and(BufferedSink::new(Output::stdout()?)?).and(OtlpSettings::from_env().sink()?);
//! let log = SlogLogger::json(JsonFormat::new().service("orders")).sink(sinks).build();
//! # Ok::<(), std::io::Error>(())
//! ```

mod convert;
mod exporter;
mod http;
mod settings;

pub use settings::OtlpSettings;
