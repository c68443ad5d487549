use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

/// The far end of what a clock can hold without overflow: thirty years.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// A point in time by which something must have ended.
///
/// A component that stops gets one of these, never a token that is cancelled already.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_service::Deadline;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let whole = Deadline::after(Duration::from_secs(10));
/// let share = whole.at_most(Duration::from_millis(20));
/// assert_eq!(share.run(std::future::pending::<()>()).await, None);
/// assert!(share.is_over() && !whole.is_over());
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// That long from now; more than thirty years count as thirty.
    pub fn after(within: Duration) -> Self {
        Self(Instant::now() + within.min(FOREVER))
    }

    /// The time that is left, zero once it is over.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether no time is left.
    pub fn is_over(self) -> bool {
        self.left().is_zero()
    }

    /// At most `within` from now, and never later than this one.
    #[must_use]
    pub fn at_most(self, within: Duration) -> Self {
        Self(self.0.min(Self::after(within).0))
    }

    /// Earlier by `reserve`.
    #[must_use]
    pub fn before(self, reserve: Duration) -> Self {
        Self(self.0.checked_sub(reserve).unwrap_or(self.0))
    }

    /// Returns when the time is over.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn passed(self) {
        tokio::time::sleep_until(self.0).await;
    }

    /// Runs the work until the deadline. None when the time was over first; the work is dropped then.
    ///
    /// # Cancel safety
    /// As safe as the work.
    pub async fn run<T>(self, work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout_at(self.0, work).await.ok()
    }
}
