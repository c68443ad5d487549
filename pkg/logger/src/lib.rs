//! Structured logging behind one small trait: JSON lines over slog, request context on every line.
//!
//! Code takes `&dyn` [`Logger`] and a [`Context`], and logs a constant sentence with data beside it:
//!
//! ```
//! use underpin_logger::{Context, Logger, RequestId, info};
//!
//! fn accept(log: &dyn Logger, ctx: &Context, order_id: u64) {
//!     info!(log, ctx, "order accepted", order_id, items = 3);
//! }
//! # accept(&underpin_logger::NoopLogger, &Context::new(RequestId::generate()), 7);
//! ```
//!
//! # The parts
//!
//! * **The core**, also with `default-features = false`: [`Logger`] with three methods, the verbs in [`LoggerExt`], the
//!   macros [`trace!`], [`debug!`], [`info!`], [`warn!`], [`error!`], and [`Context`] with the request id, the W3C trace and the
//!   organization. [`Value`], [`Tag`] and [`Entry`] borrow, so a record costs no allocation.
//! * **Spans**, also in the core: [`Context::span`] times a unit of work for the [`SpanSink`] of the process; without one, or
//!   outside of a sampled trace, it costs next to nothing.
//! * **The logger** (feature `json`, default): [`init`] sets up a service from [`LoggerSettings`]; [`SlogLogger`] writes through
//!   a [`JsonFormat`] or a [`TerminalFormat`] into a [`Sink`](sink::Sink). [`JsonDrain`] and [`SlogLogger::slog`] serve slog code.
//!   [`LevelHandle`] changes levels at run time, [`Redaction`] hides values and [`Sampling`] drops repetitions.
//! * **The bridges** (feature `bridges`, default): [`SlogLogger::install`] writes the records of dependencies that use
//!   `tracing` or `log` to the same stream, with the request id of [`Context::scope`].
//! * **Nested values** (feature `nested-values`): `Nested` is whatever serde can serialize, from the macros and from slog.
//! * **Export**: [`DeferredSink`](sink::DeferredSink) keeps the lines for an exporter, such as that of `underpin-telemetry`.
//! * **The request layer** (feature `tower`): one line a request, request id and trace in and out.
//! * **Handles** (feature `metrics`): `Handles` keeps registered metrics for code that records often.
//! * **Test doubles** (feature `testing`): `MockLogger` and `CaptureLogger`.
//!
//! # Guarantees
//!
//! Logging never panics, never fails and never blocks its caller without a limit; the one exception, a direct sink on an
//! output that cannot be written without blocking, is described at [`sink::DirectSink`]. A line is written whole or not at all.
//! Lost lines are counted, and the stream reports them. User code (a `Display`, a `Serialize`, a `slog::KV`) runs under no lock.

#![forbid(unsafe_code)]

mod context;
mod entry;
mod error;
mod ext;
mod fatal;
#[cfg(feature = "metrics")]
mod handles;
mod key;
mod level;
mod level_floor;
mod logger;
mod macros;
#[cfg(feature = "nested-values")]
mod nested;
mod noop;
mod placeholders;
mod random;
mod request_id;
mod scope;
#[cfg(any(feature = "json", feature = "tower"))]
mod shorten;
mod span;
mod tag;
mod trace;
mod value;

#[cfg(feature = "bridges")]
mod bridge;
#[cfg(feature = "json")]
mod stream;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tower")]
pub mod tower;

pub use context::Context;
pub use entry::{Callsite, Entry};
pub use error::FlushError;
pub use ext::LoggerExt;
pub use fatal::Fatal;
#[cfg(feature = "metrics")]
pub use handles::Handles;
#[doc(hidden)]
pub use key::Key;
pub use level::{Level, ParseLevelError};
pub use logger::Logger;
pub use noop::NoopLogger;
pub use request_id::{RequestId, RequestIdError};
pub use span::{
    AttributeValue, FinishedSpan, Sampler, Span, SpanKind, SpanSink, SpanSinkGuard, SpanSinkTakenError,
    install_span_sink,
};
pub use tag::Tag;
pub use trace::{TraceParent, TraceParentError, TraceState, TraceStateError};
pub use value::{ToValue, Value};

#[cfg(feature = "bridges")]
pub use bridge::{BridgeError, LogBridge, TracingLayer};
#[cfg(feature = "nested-values")]
pub use nested::Nested;
#[cfg(feature = "json")]
pub use stream::{
    InitError, JsonDrain, JsonFormat, LevelHandle, LevelRules, LevelRulesError, LogFormat, LogGuard,
    LogOutput, LogSink, LoggerBuilder, LoggerSettings, Redaction, Sampling, SamplingSettings, SlogLogger,
    TerminalDrain, TerminalFormat, init, install_panic_hook, sink,
};
#[cfg(feature = "rotation")]
pub use stream::{RotationEvery, RotationSettings};

#[cfg(all(doctest, feature = "testing", feature = "json"))]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
