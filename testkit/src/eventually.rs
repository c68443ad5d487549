use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::wait::wait_until;

/// Checks `condition` every five milliseconds until it holds.
///
/// ```
/// # async fn run() {
/// use std::time::Duration;
///
/// use underpin_testkit::eventually;
///
/// let task = tokio::spawn(async {});
/// eventually(Duration::from_secs(30), "the task ends", async || task.is_finished()).await;
/// # }
/// ```
///
/// # Panics
/// When it does not hold within `limit`; the message has `what` and the line of the caller.
#[cfg(feature = "fixtures")]
#[track_caller]
pub fn eventually<F: Future<Output = bool>>(
    limit: Duration,
    what: impl fmt::Display,
    mut condition: impl FnMut() -> F,
) -> impl Future<Output = ()> {
    let caller = Location::caller();
    async move {
        let look = || {
            let held = condition();
            async { held.await.then_some(()) }
        };
        let held = poll(limit, look).await;
        held.unwrap_or_else(|| give_up(limit, &what, caller));
    }
}

/// [`eventually`] for a test without a runtime. Blocks its thread.
///
/// ```
/// use std::time::Duration;
///
/// let thread = std::thread::spawn(|| {});
/// underpin_testkit::eventually_blocking(Duration::from_secs(30), "the thread ends", || thread.is_finished());
/// ```
///
/// # Panics
/// When it does not hold within `limit`; the message has `what` and the line of the caller.
#[track_caller]
pub fn eventually_blocking(limit: Duration, what: impl fmt::Display, mut condition: impl FnMut() -> bool) {
    let caller = Location::caller();
    let held = wait_until(limit, || condition().then_some(()));
    held.unwrap_or_else(|| give_up(limit, &what, caller));
}

/// Calls `look` every five milliseconds until it returns a value; `None` when `limit` has passed.
///
/// `limit` also ends a call that does not return.
#[cfg(feature = "fixtures")]
pub async fn poll<T, F: Future<Output = Option<T>>>(
    limit: Duration,
    mut look: impl FnMut() -> F,
) -> Option<T> {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(limit, looking).await.ok()
}

#[expect(clippy::panic, reason = "this fails the test that waits")]
fn give_up(limit: Duration, what: &dyn fmt::Display, caller: &Location<'_>) -> ! {
    panic!("{caller}: not within {limit:?}: {what}")
}
