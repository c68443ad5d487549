//! [W3C Trace Context](https://www.w3.org/TR/trace-context/): the `traceparent` and the `tracestate` header.

mod parent;
mod state;

pub use parent::{TraceParent, TraceParentError};
pub use state::{TraceState, TraceStateError};
