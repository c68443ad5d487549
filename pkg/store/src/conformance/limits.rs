//! Rate limits over the bucket.

use std::sync::Arc;
use std::time::Duration;

use super::fixtures::with_key_ttl;
use super::harness::KeyValueHarness;
use crate::{KeyValueRateLimiter, Quota, RateLimiter, StoreError};

/// Many takers at once get the limit together, and each key has its own.
pub async fn many_takers_get_the_limit_and_no_more(harness: &impl KeyValueHarness) {
    const LIMIT: u32 = 10;
    // So long that a test does not see it slide.
    let quota = Quota::new(LIMIT, Duration::from_secs(24 * 60 * 60));
    let store = with_key_ttl(harness).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        // Each instance of a service has a limiter.
        let limiter = KeyValueRateLimiter::new(Arc::clone(&store));
        tasks.spawn(async move {
            let mut taken = 0;
            for _ in 0..LIMIT {
                match limiter.take("login of ada", 1, &quota).await {
                    Ok(decision) => taken += u32::from(decision.is_allowed()),
                    Err(error) => assert!(error.is_conflict(), "{error:?}"),
                }
            }
            taken
        });
    }
    let taken: u32 = tasks.join_all().await.into_iter().sum();
    assert!(taken <= LIMIT, "{taken}");
    let limiter = KeyValueRateLimiter::new(store);
    while limiter.take("login of ada", 1, &quota).await.expect("asked").is_allowed() {}
    let refused = limiter.take("login of ada", 1, &quota).await.expect("asked");
    assert!(refused.retry_after.is_some_and(|after| after <= quota.window * 2) && refused.remaining == 0);
    let other = limiter.take("login of eve", LIMIT - 1, &quota).await.expect("asked");
    assert!(other.is_allowed() && other.remaining == 1);
}

/// A window that no limiter counts is refused.
pub async fn a_quota_out_of_range_is_refused(harness: &impl KeyValueHarness) {
    let limiter = KeyValueRateLimiter::new(with_key_ttl(harness).await);
    for window in [Duration::ZERO, Duration::from_secs(90_000)] {
        let refused = limiter.take("a", 1, &Quota::new(1, window)).await;
        assert!(matches!(refused, Err(StoreError::InvalidOption { .. })), "{refused:?}");
    }
}
