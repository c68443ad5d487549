//! The deadline of the call that is being handled, so that the calls it makes end no later.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

tokio::task_local! {
    static CURRENT: Instant;
}

/// Longer than any process runs: 30 years.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// Now plus a duration, however long.
pub(crate) fn after(within: Duration) -> Instant {
    from(Instant::now(), within)
}

/// A point in time plus a duration, however long.
pub(crate) fn from(now: Instant, within: Duration) -> Instant {
    now + within.min(FAR)
}

/// When a call that is made now ends at the latest: after `within`, and not after the call that is being handled.
pub(crate) fn of_call(now: Instant, within: Duration) -> Instant {
    let own = from(now, within);
    CURRENT.try_with(|outer| own.min(*outer)).unwrap_or(own)
}

/// Runs a handler whose calls end by the deadline.
pub(crate) fn scope<F: Future>(deadline: Instant, handler: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(deadline, handler)
}

/// How much is left, in whole milliseconds, rounded up.
pub(crate) fn remaining_ms(deadline: Instant, now: Instant) -> u64 {
    let left = deadline.saturating_duration_since(now);
    u64::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_ends_no_later_than_the_one_that_makes_it() {
        let outer = after(Duration::from_secs(1));
        assert_eq!(scope(outer, async { of_call(Instant::now(), Duration::from_secs(5)) }).await, outer);
        let remaining_ms = |deadline| remaining_ms(deadline, Instant::now());
        let short = scope(outer, async { of_call(Instant::now(), Duration::from_millis(10)) }).await;
        assert_eq!(remaining_ms(short), 10);
        assert_eq!(remaining_ms(of_call(Instant::now(), Duration::from_secs(5))), 5_000);
        assert!(after(Duration::MAX) > outer);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(remaining_ms(outer), 0);
    }
}
