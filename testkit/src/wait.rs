use std::time::{Duration, Instant};

/// Looks for something until it is there or `limit` is over.
///
/// Other processes tell us what they did through files, sockets and `/proc`, which cannot be waited for in any other
/// way. This is the only place of the test kit that sleeps, five milliseconds at a time.
#[expect(clippy::disallowed_methods, reason = "the one place that polls, with a limit")]
pub(crate) fn wait_until<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
