//! The metrics of this crate.

mod describe;
#[cfg(any(feature = "memory", feature = "jetstream"))]
mod subscription;

pub use describe::describe_metrics;
#[cfg(any(feature = "memory", feature = "jetstream"))]
pub(crate) use subscription::{SubscriptionHandles, SubscriptionMetrics};
