//! Spans of a trace: how long a unit of work took, under which parent, with which outcome.

mod attribute;
mod entry;
mod finished;
mod installed;
mod kind;
mod messaging;
mod open;
mod recording;
mod sampler;
mod sink;

pub use attribute::AttributeValue;
pub use finished::FinishedSpan;
pub use installed::{SpanSinkGuard, SpanSinkTakenError, install_span_sink};
pub use kind::SpanKind;
pub use recording::Span;
pub use sampler::Sampler;
pub use sink::SpanSink;
