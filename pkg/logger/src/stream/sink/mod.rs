//! Sinks: where finished lines go.
//!
//! [`DirectSink`] writes each line at once, [`BufferedSink`] in batches from a thread; both write to an [`Output`].
//! [`TeeSink`] writes to several sinks, [`MemorySink`] keeps lines for tests.
// Below the sinks, `line_writer` keeps lines whole when an output fails in the middle of one, and `nonblocking` opens pipes,
// terminals and sockets so that a write does not block.

mod buffer;
mod buffer_writer;
mod buffered;
mod cache_padded;
mod deferred;
mod direct;
mod line_writer;
mod lock;
mod memory;
mod nonblocking;
mod output;
mod sink_trait;
mod tee;

pub use buffered::{BufferedSink, Overflow};
pub use deferred::DeferredSink;
pub use direct::DirectSink;
pub use memory::MemorySink;
pub use output::Output;
pub(crate) use output::inside_output;
pub use sink_trait::Sink;
pub use tee::TeeSink;
