use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The two clocks that a lease runs by.
///
/// The monotonic clock ignores corrections of the time, and stands still while a machine is suspended. The wall clock notices a
/// suspension. A lease ends by whichever is first.
#[derive(Clone)]
pub(super) struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    pub(super) fn with_wall(wall: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(wall))
    }

    pub(super) fn now(&self) -> Moment {
        Moment { monotonic: Instant::now(), wall: (self.0)() }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::with_wall(SystemTime::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// A moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) monotonic: Instant,
    pub(super) wall: SystemTime,
}

/// How long a lock is held for certain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    asked: Moment,
    lasts: Duration,
}

impl Term {
    /// The term of a lease that was asked for at this moment: it ends a tenth before the server forgets the lock, for clocks that run
    /// at different speeds.
    pub(super) fn of_lease(asked: Moment, lease: Duration) -> Self {
        Self { asked, lasts: lease - lease / 10 }
    }

    /// Exactly as long as this, without a server.
    pub(super) fn lasting(asked: Moment, lasts: Duration) -> Self {
        Self { asked, lasts }
    }

    /// The same term, over.
    pub(super) fn ended(self) -> Self {
        Self { lasts: Duration::ZERO, ..self }
    }

    pub(super) fn is_over(&self, now: Moment) -> bool {
        // A wall clock that was set back tells nothing; the monotonic one does.
        let by_wall = now.wall.duration_since(self.asked.wall).unwrap_or_default();
        by_wall >= self.lasts || now.monotonic >= self.end()
    }

    /// When it ends by the monotonic clock.
    pub(super) fn end(&self) -> Instant {
        self.asked.monotonic + self.lasts
    }

    /// When to look at the wall clock again: timers stand still while the machine is suspended.
    pub(super) fn next_look(&self, now: Moment) -> Instant {
        let pause = (self.lasts / 20).clamp(Duration::from_millis(20), Duration::from_secs(1));
        self.end().min(now.monotonic + pause)
    }
}

/// Whether a lease was ever found to be over. It stays so: neither a wall clock that is set back nor a renewal in flight brings a lease back.
#[derive(Clone, Debug, Default)]
pub(super) struct Expiry(Arc<AtomicBool>);

impl Expiry {
    pub(super) fn is_reached(&self, term: &Term, now: Moment) -> bool {
        if term.is_over(now) {
            self.0.store(true, Ordering::Release);
        }
        self.0.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    #[test]
    fn a_term_ends_by_the_clock_that_is_first() {
        let asked = Clock::default().now();
        let term = Term::of_lease(asked, LEASE);
        let at = |monotonic: u64, wall: i64| Moment {
            monotonic: asked.monotonic + Duration::from_secs(monotonic),
            wall: match u64::try_from(wall) {
                Ok(ahead) => asked.wall + Duration::from_secs(ahead),
                Err(_) => asked.wall - Duration::from_secs(wall.unsigned_abs()),
            },
        };
        assert!(!term.is_over(at(8, 8)));
        assert!(term.is_over(at(9, 9)), "a tenth is left to the server");
        assert!(term.is_over(at(0, 9)), "the machine was suspended, or the clock set forward");
        assert!(!term.is_over(at(8, -3600)) && term.is_over(at(9, -3600)), "the clock was set back");
        assert!(term.ended().is_over(at(0, -3600)));
    }
}
