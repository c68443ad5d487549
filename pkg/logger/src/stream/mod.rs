//! From a record to a line in a sink (feature `json`).
//!
//! 1. A macro asks [`Logger::enabled`](crate::Logger::enabled), then builds an [`Entry`](crate::Entry) on the stack. Records of
//!    other crates enter through [`drain`] (slog) or the crate's `bridge` (`tracing`, `log`). Each is a [`record`]: its
//!    [`RecordMeta`](record::RecordMeta) and a [`RecordSource`](record::RecordSource) of message and fields.
//! 2. [`level_handle`] decides whether to write, record or skip it: [`level_gate`] answers from a few atomics, else
//!    [`level_rules`] do, and the [`Context`](crate::Context) may lower the level for its unit of work.
//! 3. [`pipeline`] applies [`sampling`], encodes under no lock, and passes on whole lines. What the rules skip goes to the
//!    [`flight_recorder`] of the context.
//! 4. [`format`] writes a line: [`json`] for machines, text for a terminal. Both apply [`redaction`] by key.
//! 5. A [`sink`] writes lines to an output, at once or in batches, and counts what it loses.
//!
//! `rotation` (feature of that name) rotates a log file. [`slog_logger`] is the public face, [`builder`] and [`init`] put it together from [`settings`], [`panic_hook`] logs panics.

mod builder;
mod choices;
mod drain;
pub(crate) mod flight_recorder;
pub(crate) mod format;
mod init;
pub(crate) mod json;
mod level_gate;
pub(crate) mod level_handle;
mod level_rules;
mod panic_hook;
pub(crate) mod pipeline;
pub(crate) mod record;
mod redaction;
#[cfg(feature = "rotation")]
mod rotation;
mod sampling;
mod sampling_settings;
mod settings;
#[cfg(test)]
mod settings_tests;
pub mod sink;
mod slog_logger;
mod slog_source;

pub use builder::LoggerBuilder;
pub use choices::{LogFormat, LogOutput, LogSink};
pub use drain::{JsonDrain, TerminalDrain};
pub use format::{JsonFormat, TerminalFormat};
pub use init::{InitError, LogGuard, init};
pub use level_handle::LevelHandle;
pub use level_rules::{LevelRules, LevelRulesError};
pub use panic_hook::install_panic_hook;
pub use redaction::Redaction;
#[cfg(feature = "rotation")]
pub use rotation::{RotationEvery, RotationSettings};
pub use sampling::Sampling;
pub use sampling_settings::SamplingSettings;
pub use settings::LoggerSettings;
pub use slog_logger::SlogLogger;
