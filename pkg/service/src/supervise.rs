//! Tasks that the service owns: whatever ends one of them is noticed.

use std::collections::VecDeque;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use underpin_errors::Error;
use underpin_logger::{Context, Logger, warn};

use crate::panics::contained;
use crate::{Stop, meters};

/// What follows when a supervised task ends, by return, error or panic, before the service stops.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum OnEnd {
    /// The service stops, with exit code 1. The default choice: a service without its task only looks healthy.
    EndService,
    /// The task runs again, until the policy gives up; then as [`EndService`](Self::EndService).
    Restart(RestartPolicy),
    /// Nothing. For a task that has an end.
    Ignore,
}

/// How often and how soon a task is restarted. Modelled on the restart intensity of Erlang's supervisors.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RestartPolicy {
    /// The pause before the first restart; each further one is twice as long. Default: 200 ms.
    pub initial: Duration,
    /// The longest pause. Default: 30 s. Half of each pause is random.
    pub max: Duration,
    /// How many restarts fit into [`window`](Self::window) before it gives up. Default: 5.
    pub at_most: u32,
    /// Restarts older than this do not count, and reset the pause. Default: 5 min.
    pub window: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        let (initial, max) = (Duration::from_millis(200), Duration::from_secs(30));
        Self { initial, max, at_most: 5, window: Duration::from_secs(300) }
    }
}

impl RestartPolicy {
    /// See [`initial`](Self::initial) and [`max`](Self::max).
    #[must_use]
    pub fn backoff(mut self, initial: Duration, max: Duration) -> Self {
        (self.initial, self.max) = (initial, max);
        self
    }

    /// See [`at_most`](Self::at_most) and [`window`](Self::window).
    #[must_use]
    pub fn at_most(mut self, restarts: u32, window: Duration) -> Self {
        (self.at_most, self.window) = (restarts, window);
        self
    }
}

/// Makes the future of a task, again for each restart.
pub(crate) type MakeTask =
    Arc<dyn Fn(Stop) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> + Send + Sync>;

/// A task that waits for the start.
pub(crate) struct Supervised {
    pub(crate) name: &'static str,
    pub(crate) on_end: OnEnd,
    pub(crate) make: MakeTask,
}

impl Supervised {
    /// Runs the task until the service stops, or until its end is a reason to stop the service.
    pub(crate) async fn run(self, stop: Stop, log: Arc<dyn Logger>) -> Result<(), Error> {
        let mut restarts = Restarts::default();
        loop {
            let ended = contained((self.make)(stop.clone())).await.unwrap_or_else(|panic| {
                meters::panicked(self.name);
                Err(panic)
            });
            if stop.is_requested() {
                return ended.or_else(|error| {
                    warn!(
                        log,
                        &Context::background(),
                        &error,
                        "supervised task failed while stopping",
                        task = self.name
                    );
                    Ok(())
                });
            }
            let error = ended
                .err()
                .unwrap_or_else(|| Error::internal("the task returned before the service stopped"));
            let pause = match self.on_end {
                OnEnd::Ignore => {
                    warn!(log, &Context::background(), &error, "supervised task ended", task = self.name);
                    return Ok(());
                }
                OnEnd::EndService => None,
                OnEnd::Restart(policy) => restarts.next(&policy),
            };
            let Some(pause) = pause else {
                return Err(error.context(format!("supervised task {}", self.name)));
            };
            warn!(
                log,
                &Context::background(),
                &error,
                "supervised task is restarted",
                task = self.name,
                pause
            );
            meters::restarted(self.name);
            if stop.run(tokio::time::sleep(pause)).await.is_none() {
                return Ok(());
            }
        }
    }
}

/// The restarts inside of the window.
#[derive(Default)]
struct Restarts(VecDeque<Instant>);

impl Restarts {
    /// The pause before the next restart; none when the policy gives up.
    fn next(&mut self, policy: &RestartPolicy) -> Option<Duration> {
        let now = Instant::now();
        while self.0.front().is_some_and(|first| now.duration_since(*first) > policy.window) {
            self.0.pop_front();
        }
        let count = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        if count >= policy.at_most {
            return None;
        }
        self.0.push_back(now);
        let pause = policy.initial.saturating_mul(2_u32.saturating_pow(count)).min(policy.max);
        Some(pause.mul_f64(0.5 + 0.5 * random_fraction()))
    }
}

/// From 0 to 1, different at each call: the seed of a hash map is random enough to spread restarts.
fn random_fraction() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_up_to_the_limit_and_old_restarts_are_forgotten() {
        let policy = RestartPolicy::default()
            .backoff(Duration::from_secs(1), Duration::from_secs(3))
            .at_most(3, Duration::from_secs(60));
        let mut restarts = Restarts::default();
        for longest in [1, 2, 3] {
            let pause = restarts.next(&policy).unwrap();
            assert!(
                pause <= Duration::from_secs(longest) && pause >= Duration::from_secs(longest) / 2,
                "{pause:?}"
            );
        }
        assert_eq!(restarts.next(&policy), None);
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(restarts.next(&policy).unwrap() <= Duration::from_secs(1));
    }
}
