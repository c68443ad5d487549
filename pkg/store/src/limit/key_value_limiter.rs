use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::time::sleep;
use underpin_errors::{Health, HealthCheck};

use super::limiter::{Quota, RateDecision, RateLimiter};
use super::memory_limiter::check;
use super::window::Window;
use crate::{Expect, Key, KeyValue, Read, StoreError, Ttl, random};

/// How often a count is tried that others were faster with.
const ATTEMPTS: u32 = 16;

/// A limiter in a key-value bucket with [`key_ttl`](crate::BucketSettings::key_ttl), which the instances of a service share.
///
/// Each take is a read and a conditional write, and more where several instances take for one key at once: for logins and exports
/// rather than for each request of a busy API. The clocks of the instances decide which window it is: keep them within a small part of
/// the window.
#[derive(Clone)]
pub struct KeyValueRateLimiter(Arc<dyn KeyValue>);

impl KeyValueRateLimiter {
    /// A limiter in this bucket.
    pub fn new(store: Arc<dyn KeyValue>) -> Self {
        Self(store)
    }
}

#[async_trait]
impl HealthCheck for KeyValueRateLimiter {
    fn name(&self) -> &str {
        "rate limiter"
    }

    async fn check(&self) -> Health {
        self.0.check().await
    }
}

#[async_trait]
impl RateLimiter for KeyValueRateLimiter {
    async fn take(&self, key: &str, cost: u32, quota: &Quota) -> Result<RateDecision, StoreError> {
        check(quota)?;
        let key = Key::encoded(key);
        // What was taken in a window counts until the end of the next.
        let ttl = Ttl::After((quota.window * 2).max(Duration::from_secs(1)));
        let mut attempt = 1;
        loop {
            let found = self.0.get(&key, Read::Latest).await?;
            let (mut window, expect) = match &found {
                Some(entry) => (decode(&entry.value), Expect::Revision(entry.revision)),
                None => (Window::default(), Expect::Absent),
            };
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let decision = window.take(now, cost, quota);
            if !decision.is_allowed() {
                return Ok(decision);
            }
            match self.0.put(&key, encode(&window).into(), expect, ttl).await {
                Ok(_) => return Ok(decision),
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => {
                    sleep(Duration::from_micros(random::below(1000_u64 << attempt.min(6)))).await;
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn encode(window: &Window) -> String {
    format!("{} {} {}", window.index, window.previous, window.current)
}

/// What cannot be read was not written by a limiter, and counts as nothing.
fn decode(value: &[u8]) -> Window {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let mut numbers = text.split(' ').map(|number| number.parse::<u64>().ok());
    let mut next = || numbers.next().flatten();
    let (index, previous, current) = (next(), next(), next());
    let count = |count: Option<u64>| count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
    index.map_or_else(Window::default, |index| Window {
        index,
        previous: count(previous),
        current: count(current),
    })
}

impl fmt::Debug for KeyValueRateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyValueRateLimiter").field("store", &self.0.name()).finish()
    }
}
