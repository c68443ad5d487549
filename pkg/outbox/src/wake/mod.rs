//! How a task that sleeps learns that there is work, in this process and through PostgreSQL.
//!
//! Holds no type of the outbox.

mod forward;
mod signal;

pub(crate) use forward::forward;
pub(crate) use signal::{WakeListener, WakeSignal};
