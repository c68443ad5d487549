use std::fmt;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::connection::{RedisConnection, Request};
use super::scripts::TAKE;
use crate::limit::{Window, check};
use crate::{Key, Quota, RateDecision, RateLimiter, StoreError, meters};

/// A limiter in Redis, which the instances of a service share.
///
/// Each take is one script by the clock of the server. Windows are counted in microseconds. Every key has a hash tag: in a cluster behind
/// a proxy, keys spread over the nodes.
///
/// # Examples
/// ```no_run
/// use std::sync::Arc;
/// use std::time::Duration;
/// use underpin_logger::NoopLogger;
/// use underpin_store::{Quota, RateLimiter, RedisConnection, RedisRateLimiter, RedisSettings};
///
/// # async fn example() -> Result<(), underpin_store::StoreError> {
/// let settings = RedisSettings::new("redis://127.0.0.1:6379");
/// let limiter = RedisRateLimiter::new(RedisConnection::connect(&settings, Arc::new(NoopLogger)).await?);
/// let decision = limiter.take("login:ada", 1, &Quota::new(5, Duration::from_secs(60))).await?;
/// assert!(decision.is_allowed());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisRateLimiter(RedisConnection);

impl RedisRateLimiter {
    /// A limiter over a connection, which may be shared.
    pub fn new(connection: RedisConnection) -> Self {
        Self(connection)
    }

    async fn count(&self, key: &str, cost: u32, quota: &Quota) -> Result<RateDecision, StoreError> {
        let window = u64::try_from(quota.window.as_micros()).unwrap_or(u64::MAX);
        let kept = quota.window.as_millis().saturating_mul(2).saturating_add(1);
        let mut script = TAKE.key(format!("{}:limit:{{{}}}", self.0.prefix(), Key::encoded(key)));
        script.arg(window).arg(quota.limit).arg(cost).arg(u64::try_from(kept).unwrap_or(u64::MAX));
        let (previous, current, index, now): (u32, u32, u64, u64) =
            self.0.write("take", Request::Script(&script)).await?;
        let quota = Quota { window: Duration::from_micros(window), ..*quota };
        Ok(Window { index, previous, current }.take(Duration::from_micros(now), cost, &quota))
    }
}

#[async_trait]
impl RateLimiter for RedisRateLimiter {
    async fn take(&self, key: &str, cost: u32, quota: &Quota) -> Result<RateDecision, StoreError> {
        check(quota)?;
        let began = Instant::now();
        let result = self.count(key, cost, quota).await;
        meters::operation("limits", "take", began, &result);
        result
    }
}

impl fmt::Debug for RedisRateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRateLimiter").field("connection", &self.0).finish()
    }
}
