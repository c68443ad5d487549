//! Rate limits: a sliding window for each key.

mod key_value_limiter;
#[cfg(feature = "tower")]
mod layer;
mod limiter;
mod memory_limiter;
#[cfg(feature = "tower")]
mod network;
#[cfg(feature = "tower")]
mod refuse;
mod window;

pub use key_value_limiter::KeyValueRateLimiter;
#[cfg(feature = "tower")]
pub use layer::{RateLimit, RateLimitLayer};
pub use limiter::{OnLimiterFailure, Quota, RateDecision, RateLimiter};
pub use memory_limiter::MemoryRateLimiter;
#[cfg(feature = "redis")]
pub(crate) use memory_limiter::check;
#[cfg(feature = "tower")]
pub use network::client_network;
#[cfg(feature = "tower")]
pub use refuse::{LimitReport, Refuse, RefuseHttp, RefuseWithError};
#[cfg(feature = "redis")]
pub(crate) use window::Window;
