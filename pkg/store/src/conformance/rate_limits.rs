//! One suite for every rate limiter, whatever counts.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use crate::{Quota, RateLimiter, StoreError};

/// How the suite gets at a limiter.
#[async_trait]
pub trait RateLimiterHarness: Send + Sync + Sized {
    /// Starts whatever the limiter needs, for one test.
    async fn start() -> Self;

    /// A limiter of one instance of a service. Those of one harness share their counts.
    async fn limiter(&self) -> Arc<dyn RateLimiter>;
}

/// So long that a test does not see it slide.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);
const SHORT: Duration = Duration::from_secs(1);
/// Longer than any test: the machine may stall.
const PATIENCE: Duration = Duration::from_secs(60);

/// Many takers of several instances get the limit together, not one more; a writer that others outran may take nothing.
pub async fn many_takers_share_a_limit(harness: &impl RateLimiterHarness) {
    const LIMIT: u32 = 50;
    let quota = Quota::new(LIMIT, LONG);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let limiter = harness.limiter().await;
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
    let mut taken: u32 = tasks.join_all().await.into_iter().sum();
    let limiter = harness.limiter().await;
    while limiter.take("login of ada", 1, &quota).await.expect("asked").is_allowed() {
        taken += 1;
    }
    // A window that ended meanwhile has a part inside still.
    assert!(taken <= LIMIT, "{taken}");
    assert!(taken >= LIMIT - 1, "{taken}");
}

/// A decision reports what is left, a refusal takes nothing, and each key has its own count, whatever its text.
pub async fn a_decision_says_what_is_left(harness: &impl RateLimiterHarness) {
    let (limiter, quota) = (harness.limiter().await, Quota::new(3, LONG));
    let long = "x".repeat(5_000);
    for key in ["ada", "a {key} of:\r\n* anything", "", &long] {
        assert_eq!(limiter.take(key, 2, &quota).await.expect("asked").remaining, 1, "{key}");
        let refused = limiter.take(key, 2, &quota).await.expect("asked");
        assert!(!refused.is_allowed() && refused.remaining == 1, "{refused:?}");
        assert!(
            refused.retry_after.is_some_and(|after| after <= LONG * 2) && refused.reset_after <= LONG * 2
        );
        let rest = limiter.take(key, 1, &quota).await.expect("asked");
        assert!(rest.is_allowed() && rest.remaining == 0, "{rest:?}");
        assert!(!limiter.take(key, 1, &quota).await.expect("asked").is_allowed());
    }
}

/// A limit of zero and a cost above the limit are refused for ever.
pub async fn what_never_fits_is_refused(harness: &impl RateLimiterHarness) {
    let limiter = harness.limiter().await;
    assert!(!limiter.take("a", 1, &Quota::new(0, LONG)).await.expect("asked").is_allowed());
    assert!(!limiter.take("b", 4, &Quota::new(3, LONG)).await.expect("asked").is_allowed());
    assert!(limiter.take("b", 3, &Quota::new(3, LONG)).await.expect("asked").is_allowed());
}

/// Whoever waits as told is allowed, and the whole limit is there again after `reset_after`.
pub async fn a_wait_as_told_is_enough(harness: &impl RateLimiterHarness) {
    let (limiter, quota) = (harness.limiter().await, Quota::new(4, SHORT));
    let began = Instant::now();
    while limiter.take("a", 1, &quota).await.expect("asked").is_allowed() {
        assert!(began.elapsed() < PATIENCE, "it never refuses");
    }
    let refused = limiter.take("a", 4, &quota).await.expect("asked");
    sleep(refused.retry_after.unwrap_or_default()).await;
    let waited = limiter.take("a", 4, &quota).await.expect("asked");
    assert!(waited.is_allowed(), "{refused:?} {waited:?}");
    sleep(waited.reset_after).await;
    assert!(limiter.take("a", 4, &quota).await.expect("asked").is_allowed());
}

/// A window that no limiter counts is refused.
pub async fn a_window_out_of_range_is_refused(harness: &impl RateLimiterHarness) {
    let limiter = harness.limiter().await;
    for window in [Duration::ZERO, Duration::from_micros(999), LONG + SHORT] {
        let refused = limiter.take("a", 1, &Quota::new(1, window)).await;
        assert!(matches!(refused, Err(StoreError::InvalidOption { .. })), "{refused:?}");
    }
}

/// Makes one test of every behaviour for a [`RateLimiterHarness`](crate::conformance::RateLimiterHarness).
#[macro_export]
macro_rules! rate_limiter_tests {
    ($harness:ty) => {
        $crate::rate_limiter_tests! { @each $harness;
            many_takers_share_a_limit,
            a_decision_says_what_is_left,
            what_never_fits_is_refused,
            a_wait_as_told_is_enough,
            a_window_out_of_range_is_refused,
        }
    };
    (@each $harness:ty; $($behaviour:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $behaviour() {
            let harness = <$harness as $crate::conformance::RateLimiterHarness>::start().await;
            $crate::conformance::rate_limits::$behaviour(&harness).await;
        }
    )+};
}
