use std::time::Duration;

use rand::RngExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The payload of a kind of job, with the options under which it is enqueued and run.
///
/// # Examples
/// ```
/// use serde::{Deserialize, Serialize};
/// use underpin_jobs::{Job, JobOptions};
///
/// #[derive(Serialize, Deserialize)]
/// struct SendMail { to: String }
///
/// impl Job for SendMail {
///     const KIND: &'static str = "mail.send";
///
///     fn options() -> JobOptions {
///         JobOptions::default().queue("mail").attempts(5)
///     }
/// }
/// assert_eq!(SendMail::options().queue, "mail");
/// ```
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Names the kind in the tables and metrics: 1 to 128 bytes. It must never change while jobs of it are stored.
    const KIND: &'static str;

    /// The version of the payload. Workers take versions up to their own, so a new field with a serde default needs no new
    /// version; a change that older code would misread does. Newer versions wait for newer workers.
    const VERSION: u32 = 1;

    /// Queue, priority, attempts, timeout and history.
    fn options() -> JobOptions {
        JobOptions::default()
    }
}

/// How jobs of one kind are enqueued and run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobOptions {
    /// The queue: 1 to 128 bytes.
    pub queue: &'static str,
    /// From 0 (first) to 9 (last).
    pub priority: u8,
    /// How long a job waits until it ranks with newer ones of the next higher priority. At most an hour.
    pub aging: Duration,
    /// Attempts after which a job is dead. At least 1.
    pub attempts: u32,
    /// The limit for one attempt.
    pub timeout: Duration,
    /// The pause before the second attempt; it doubles with each further one.
    pub backoff_initial: Duration,
    /// The longest pause between attempts.
    pub backoff_max: Duration,
    /// Attempts that one process runs at once, beside the limit of the queue.
    pub concurrency: Option<usize>,
    /// Which ended jobs stay visible.
    pub history: HistoryPolicy,
}

/// Which ended jobs of a kind go into the history. Dead jobs are kept in any case, until someone decides about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum HistoryPolicy {
    /// None.
    Nothing,
    /// Those that were cancelled.
    Failures,
    /// All.
    All,
}

impl JobOptions {
    underpin_config::setters! {
        /// Sets the queue.
        queue: &'static str => queue;
        /// Sets the priority, from 0 (first) to 9 (last).
        priority: u8 => priority.min(9);
        /// Sets after how long a waiting job ranks one priority higher.
        aging: Duration => aging.min(Duration::from_secs(3600));
        /// Sets the number of attempts.
        attempts: u32 => attempts.max(1);
        /// Sets the limit for one attempt.
        timeout: Duration => timeout;
        /// Sets which ended jobs stay visible.
        history: HistoryPolicy => history;
    }

    /// Sets the first and the longest pause between attempts.
    #[must_use]
    pub fn backoff(self, initial: Duration, max: Duration) -> Self {
        Self { backoff_initial: initial, backoff_max: max, ..self }
    }

    /// Limits the attempts that one process runs at once.
    #[must_use]
    pub fn concurrency(self, at_once: usize) -> Self {
        Self { concurrency: Some(at_once.max(1)), ..self }
    }

    /// The pause after that many attempts, from 1: between half and all of `initial * 2^(attempts - 1)`, capped.
    pub(crate) fn delay(&self, attempts: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        let full = self.backoff_initial.saturating_mul(factor).min(self.backoff_max);
        let nanos = u64::try_from(full.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(rand::rng().random_range(nanos / 2..=nanos))
    }
}

impl Default for JobOptions {
    /// Queue `default`, priority 4, 25 attempts over about half a day, a minute for each.
    fn default() -> Self {
        Self {
            queue: "default",
            priority: 4,
            aging: Duration::from_secs(60),
            attempts: 25,
            timeout: Duration::from_secs(60),
            backoff_initial: Duration::from_secs(1),
            backoff_max: Duration::from_secs(3600),
            concurrency: None,
            history: HistoryPolicy::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_attempts_outlast_a_night() {
        let options = JobOptions::default();
        let shortest: Duration = (1..options.attempts).map(|n| options.delay(n).min(Duration::MAX)).sum();
        assert!(shortest >= Duration::from_secs(6 * 3600), "{shortest:?}");
        assert!(options.delay(1000) <= options.backoff_max);
    }
}
