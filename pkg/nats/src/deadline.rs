//! Points in time that cannot overflow: durations come from settings and callers.

use std::time::Duration;

use tokio::time::Instant;

/// Longer than any process runs: 30 years.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// Now plus a duration, however long.
pub(crate) fn after(duration: Duration) -> Instant {
    Instant::now() + duration.min(FAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_duration_overflows() {
        assert!(after(Duration::MAX) > Instant::now());
    }
}
