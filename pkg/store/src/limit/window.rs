//! The count of a window that slides, as two windows that do not.

use std::time::Duration;

use super::limiter::{Quota, RateDecision};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    /// The number of the window since the beginning of time.
    pub(crate) index: u64,
    pub(crate) previous: u32,
    pub(crate) current: u32,
}

impl Window {
    /// Takes at this time, counted from the same beginning each time.
    pub(crate) fn take(&mut self, now: Duration, cost: u32, quota: &Quota) -> RateDecision {
        let window = u64::try_from(quota.window.as_nanos()).unwrap_or(u64::MAX).max(1);
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.advance(now / window);
        let passed = (now % window) as f64 / window as f64;
        let (limit, cost) = (f64::from(quota.limit), f64::from(cost));
        let before = f64::from(self.previous) * (1.0 - passed);
        let allowed = before + f64::from(self.current) + cost <= limit;
        if allowed {
            self.current = self.current.saturating_add(cost as u32);
        }
        let remaining = (limit - before - f64::from(self.current)).max(0.0) as u32;
        let part = |part: f64| Duration::from_nanos((window as f64 * part.clamp(0.0, 2.0)) as u64);
        // What was taken in this window counts until the end of the next.
        let reset = part(if self.current > 0 {
            2.0 - passed
        } else if self.previous > 0 {
            1.0 - passed
        } else {
            0.0
        });
        if allowed {
            return RateDecision::allowed(remaining, reset);
        }
        let (previous, current) = (f64::from(self.previous), f64::from(self.current));
        // When the part of the window before is small enough; else when that of this window is, in the next one.
        let left = limit - cost - current;
        let wait = if left >= 0.0 {
            1.0 - left / previous - passed
        } else if limit >= cost {
            1.0 - passed + (1.0 - (limit - cost) / current)
        } else {
            2.0
        };
        // A little later, since a division is not exact.
        RateDecision::refused(part(wait) + Duration::from_micros(1), remaining, reset)
    }

    fn advance(&mut self, index: u64) {
        match index.saturating_sub(self.index) {
            0 => {}
            1 => *self = Self { index, previous: self.current, current: 0 },
            _ => *self = Self { index, previous: 0, current: 0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_limit_slides() {
        let (quota, mut window) = (Quota::new(10, SECOND), Window::default());
        let mut take = |at: u64, cost| window.take(Duration::from_millis(at), cost, &quota);
        assert_eq!(take(900, 10).remaining, 0);
        assert!(!take(999, 1).is_allowed());
        // Half of the window before is inside still.
        assert!(take(1500, 5).is_allowed());
        let refused = take(1500, 1);
        assert!(!refused.is_allowed());
        assert!(take(1601, 1).is_allowed(), "{refused:?}");
        assert!(!take(1601, 11).is_allowed());
        assert!(take(9000, 10).is_allowed());
    }

    #[test]
    fn a_limit_of_zero_refuses() {
        let mut window = Window::default();
        let decision = window.take(SECOND, 1, &Quota::new(0, SECOND));
        assert!(!decision.is_allowed() && decision.remaining == 0);
    }

    proptest! {
        #[test]
        fn no_window_takes_more_than_twice_the_limit_and_waiting_helps(
            steps in proptest::collection::vec((0_u64..400, 1_u32..4), 1..200),
        ) {
            let (quota, mut window, mut now) = (Quota::new(5, SECOND), Window::default(), 0);
            let mut taken = Vec::new();
            for (pause, cost) in steps {
                now += pause;
                let decision = window.take(Duration::from_millis(now), cost, &quota);
                match decision.retry_after {
                    None => taken.push((now, cost)),
                    Some(wait) => {
                        prop_assert!(wait <= SECOND * 2 + Duration::from_millis(1));
                        let mut later = window;
                        let at = Duration::from_millis(now) + wait;
                        prop_assert!(later.take(at, cost, &quota).is_allowed(), "{window:?} {wait:?}");
                    }
                }
                let recent: u32 = taken.iter().filter(|(at, _)| now - at < 1000).map(|(_, cost)| cost).sum();
                prop_assert!(recent <= 2 * quota.limit);
            }
        }
    }
}
