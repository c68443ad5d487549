//! Structured logging behind one small trait: JSON lines over slog, request context on every line.

mod context;
mod entry;
mod error;
mod ext;
mod fatal;
mod level;
mod logger;
mod macros;
mod noop;
mod random;
mod request_id;
mod tag;
mod trace_parent;
mod value;

#[cfg(feature = "testing")]
pub mod testing;

pub use context::Context;
pub use entry::{Callsite, Entry};
pub use error::FlushError;
pub use ext::LoggerExt;
pub use fatal::Fatal;
pub use level::{Level, ParseLevelError};
pub use logger::Logger;
pub use noop::NoopLogger;
pub use request_id::{RequestId, RequestIdError};
pub use tag::Tag;
pub use trace_parent::{TraceParent, TraceParentError};
pub use value::{ToValue, Value};
