//! What kinds of windows let through: the figures of the README.

use std::collections::VecDeque;
use std::time::Duration;

use underpin_store::{MemoryRateLimiter, Quota, RateLimiter as _};

const MINUTE: Duration = Duration::from_secs(60);
const LIMIT: usize = 50;

/// Attempts, in milliseconds since the beginning of a window.
enum Attempts {
    /// As many as are allowed in the second before a boundary and in the second after it.
    Boundary,
    /// As many as are allowed in the last tenth of a second of a window, and then ten a second.
    Steady,
}

impl Attempts {
    fn times(&self) -> Vec<u64> {
        let burst = |at: u64| std::iter::repeat_n(at, 2 * LIMIT);
        match self {
            Self::Boundary => burst(59_000).chain(burst(61_000)).collect(),
            Self::Steady => burst(59_900).chain((60_000..119_900).step_by(100)).collect(),
        }
    }
}

/// How many pass a limiter in memory, which is the sliding window of all backends.
async fn sliding(attempts: &Attempts) -> usize {
    let (limiter, quota) = (MemoryRateLimiter::new(16), Quota::new(LIMIT as u32, MINUTE));
    let (mut now, mut passed) = (0, 0);
    for at in attempts.times() {
        tokio::time::advance(Duration::from_millis(at - now)).await;
        now = at;
        passed += usize::from(limiter.take("client", 1, &quota).await.unwrap().is_allowed());
    }
    passed
}

/// A count that begins again with each minute.
fn fixed(attempts: &Attempts) -> usize {
    let (mut window, mut count, mut passed) = (0, 0, 0);
    for at in attempts.times() {
        if at / 60_000 != window {
            (window, count) = (at / 60_000, 0);
        }
        if count < LIMIT {
            (count, passed) = (count + 1, passed + 1);
        }
    }
    passed
}

/// The time of each request of the last minute.
fn log(attempts: &Attempts) -> usize {
    let (mut times, mut passed) = (VecDeque::new(), 0);
    for at in attempts.times() {
        while times.front().is_some_and(|first| first + 60_000 <= at) {
            times.pop_front();
        }
        if times.len() < LIMIT {
            times.push_back(at);
            passed += 1;
        }
    }
    passed
}

#[tokio::test(start_paused = true)]
async fn the_readme_has_the_figures_of_three_kinds_of_windows() {
    let (boundary, steady) = (&Attempts::Boundary, &Attempts::Steady);
    let readme = include_str!("../../README.md");
    for (name, boundary, steady) in [
        ("fixed window", fixed(boundary), fixed(steady)),
        ("sliding counter, as here", sliding(boundary).await, sliding(steady).await),
        ("log of all requests", log(boundary), log(steady)),
    ] {
        let row = format!("| {name} | {boundary} | {steady} |");
        assert!(readme.contains(&row), "the README lacks {row}");
    }
}
