//! Points in time that cannot overflow: durations come from settings and callers.

use std::time::Duration;

use tokio::time::Instant;

/// As good as never: 30 years.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// Now plus a duration, however long.
pub(crate) fn after(duration: Duration) -> Instant {
    Instant::now() + at_most(duration)
}

/// The duration, or what is as good as for ever.
pub(crate) fn at_most(duration: Duration) -> Duration {
    duration.min(FAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_duration_overflows() {
        assert!(after(Duration::MAX) > Instant::now());
    }
}
