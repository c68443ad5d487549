//! What makes the stream of lines (feature `json`): a record passes the level rules, is encoded, and goes to a sink.

mod builder;
mod drain;
pub(crate) mod format;
mod init;
pub(crate) mod json;
mod level_gate;
pub(crate) mod level_handle;
mod panic_hook;
pub(crate) mod pipeline;
pub(crate) mod record;
pub(crate) mod recorder;
mod redaction;
mod rules;
mod sampling;
mod settings;
pub mod sink;
mod slog_logger;
mod slog_source;

pub use builder::LoggerBuilder;
pub use drain::{JsonDrain, TerminalDrain};
pub use format::{JsonFormat, TerminalFormat};
pub use init::{InitError, LogGuard, init};
pub use level_handle::LevelHandle;
pub use panic_hook::install_panic_hook;
pub use redaction::Redaction;
pub use rules::{LevelRules, LevelRulesError};
pub use sampling::Sampling;
pub use settings::{LogFormat, LogOutput, LogSink, LoggerSettings, SamplingSettings};
pub use slog_logger::SlogLogger;
