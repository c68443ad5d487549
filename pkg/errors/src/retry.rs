use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::Error;

/// How often, after which pauses and for how long a call is tried.
///
/// A call is tried again where its error says that it can succeed later and did not take effect
/// ([`Kind::is_retryable`](crate::Kind::is_retryable)); with [`idempotent`](Self::idempotent) also after a timeout. The pause is drawn between the
/// shortest pause and three times the previous one, up to the longest ("decorrelated jitter", AWS Architecture Blog, "Exponential
/// Backoff And Jitter"), and it is never shorter than the delay that the error asks for (`Retry-After`).
///
/// By default 3 attempts within 30 s, with pauses from 100 ms to 5 s.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_errors::{Error, RetryPolicy};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// # tokio::time::pause();
/// let policy = RetryPolicy::attempts(4).pauses(Duration::from_millis(50), Duration::from_secs(2)).within(Duration::from_secs(10));
/// let mut calls = 0;
/// let charged = policy
///     .run(|| {
///         calls += 1;
///         let answer = if calls < 3 { Err(Error::from_remote(503, b"")) } else { Ok("charged") };
///         async { answer } // a request
///     })
///     .await?;
/// assert_eq!((charged, calls), ("charged", 3));
///
/// let refused = policy.run(async || Err::<(), _>(Error::bad_request("no such card"))).await;
/// assert_eq!(refused.unwrap_err().http_status(), 400); // at once
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RetryPolicy {
    attempts: u32,
    shortest: Duration,
    longest: Duration,
    within: Duration,
    is_idempotent: bool,
    keys: RandomState,
}

impl RetryPolicy {
    /// Tries up to `attempts` times in all, at least once.
    pub fn attempts(attempts: u32) -> Self {
        Self {
            attempts: attempts.max(1),
            shortest: Duration::from_millis(100),
            longest: Duration::from_secs(5),
            within: Duration::from_secs(30),
            is_idempotent: false,
            keys: RandomState::new(),
        }
    }

    /// Sets the shortest and the longest pause. A `Retry-After` may be longer.
    #[must_use]
    pub fn pauses(self, shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest: longest.max(shortest), ..self }
    }

    /// Sets how long all attempts and pauses may take together.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { within: limit, ..self }
    }

    /// For a call that does no harm when it happens twice: it is also tried again after a timeout.
    #[must_use]
    pub fn idempotent(self) -> Self {
        Self { is_idempotent: true, ..self }
    }

    /// Calls until an attempt succeeds, fails with an error that another attempt cannot mend, or the attempts or the time run out.
    ///
    /// A domain error is classified as `?` does it. After more than one attempt the error has their number as a context.
    ///
    /// # Errors
    /// The error of the last attempt, at once when a pause would outlast the time. [`Kind::DeadlineExceeded`](crate::Kind::DeadlineExceeded) when the
    /// time ended during an attempt, with the error of the attempt before as its cause.
    ///
    /// # Cancel safety
    /// As cancel-safe as the call.
    pub async fn run<T, E, F, Fut>(&self, mut call: F) -> Result<T, Error>
    where
        E: Into<Error>,
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        // A limit beyond what the clock can count is none.
        let deadline = Instant::now().checked_add(self.within.min(LONGEST));
        let mut pause = self.shortest;
        let mut before = None;
        let mut attempt = 1;
        loop {
            let answer = match deadline {
                Some(deadline) => match timeout_at(deadline, call()).await {
                    Ok(answer) => answer,
                    Err(_elapsed) => return Err(self.out_of_time(attempt, before)),
                },
                None => call().await,
            };
            let error = match answer {
                Ok(value) => return Ok(value),
                Err(error) => error.into(),
            };
            pause = self.pause_after(pause, attempt);
            let wait = pause.max(error.retry_delay().unwrap_or_default());
            let outlasts =
                deadline.is_some_and(|deadline| wait >= deadline.saturating_duration_since(Instant::now()));
            if attempt >= self.attempts || outlasts || !self.helps(&error) {
                return Err(counted(error, attempt));
            }
            sleep(wait).await;
            before = Some(error);
            attempt += 1;
        }
    }

    /// Whether another attempt can help.
    fn helps(&self, error: &Error) -> bool {
        let kind = error.kind();
        if self.is_idempotent { kind.is_retryable_if_idempotent() } else { kind.is_retryable() }
    }

    fn pause_after(&self, previous: Duration, attempt: u32) -> Duration {
        let most = previous.saturating_mul(3).min(self.longest).max(self.shortest);
        // The random keys of the policy and the time make each draw another one.
        let drawn = self.keys.hash_one((Instant::now().into_std(), attempt)) >> 11;
        #[allow(clippy::cast_precision_loss, reason = "both have 53 bits")]
        let share = drawn as f64 / (1_u64 << 53) as f64;
        self.shortest + (most - self.shortest).mul_f64(share)
    }

    fn out_of_time(&self, attempt: u32, before: Option<Error>) -> Error {
        let error = Error::timeout(format!("no answer within {:?}", self.within));
        counted(before.into_iter().fold(error, Error::caused_by), attempt)
    }
}

const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

fn counted(error: Error, attempt: u32) -> Error {
    if attempt == 1 { error } else { error.context(format!("attempt {attempt}")) }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::attempts(3)
    }
}

impl fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryPolicy")
            .field("attempts", &self.attempts)
            .field("shortest", &self.shortest)
            .field("longest", &self.longest)
            .field("within", &self.within)
            .field("is_idempotent", &self.is_idempotent)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Kind;

    /// Runs calls that fail with these errors one after the other; returns the outcome, the calls and the time.
    async fn run(policy: &RetryPolicy, errors: &[Error]) -> (Result<(), Error>, usize, Duration) {
        let (began, mut calls) = (Instant::now(), 0);
        let outcome = policy
            .run(|| {
                let answer = errors.get(calls).cloned().map_or(Ok(()), Err);
                calls += 1;
                async { answer }
            })
            .await;
        (outcome, calls, began.elapsed())
    }

    fn unavailable() -> Error {
        Error::unavailable("down").code("BILLING_DOWN")
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_limited_and_counted_in_the_log() {
        let policy = RetryPolicy::attempts(3);
        let (outcome, calls, _) = run(&policy, &[unavailable(), unavailable()]).await;
        assert!(outcome.is_ok() && calls == 3);
        let (outcome, calls, waited) = run(&policy, &[unavailable(), unavailable(), unavailable()]).await;
        let error = outcome.unwrap_err();
        assert_eq!(
            (calls, error.error_code(), error.report().to_string().as_str()),
            (3, "BILLING_DOWN", "attempt 3: down")
        );
        assert!(waited >= Duration::from_millis(200), "{waited:?}");
        assert_eq!(run(&RetryPolicy::attempts(0), &[unavailable()]).await.1, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn only_errors_that_another_attempt_can_mend_are_tried_again() {
        let policy = RetryPolicy::attempts(3);
        for kind in Kind::ALL {
            let errors = [Error::new(kind, "x")];
            let calls = run(&policy, &errors).await.1;
            assert_eq!(calls == 2, kind.is_retryable(), "{kind}");
            let calls = run(&policy.clone().idempotent(), &errors).await.1;
            assert_eq!(calls == 2, kind.is_retryable_if_idempotent(), "{kind}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_that_the_error_asks_for_is_kept_or_ends_the_attempts() {
        let busy = |seconds| Error::from_remote(429, b"").retry_after(Duration::from_secs(seconds));
        let policy = RetryPolicy::attempts(3).within(Duration::from_secs(20));
        let (outcome, calls, waited) = run(&policy, &[busy(7)]).await;
        assert!(outcome.is_ok() && calls == 2 && waited.as_secs() == 7, "{waited:?}");
        let (outcome, calls, waited) = run(&policy, &[busy(21)]).await;
        assert_eq!((outcome.unwrap_err().http_status(), calls, waited), (429, 1, Duration::ZERO));
        let (outcome, calls, _) = run(&policy, &[busy(15), busy(15)]).await;
        assert_eq!((outcome.unwrap_err().http_status(), calls), (429, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_ends_an_attempt_that_hangs() {
        let policy = RetryPolicy::attempts(3).within(Duration::from_secs(5)).idempotent();
        let began = Instant::now();
        let mut calls = 0;
        let outcome: Result<(), Error> = policy
            .run(|| {
                calls += 1;
                let fails = calls == 1;
                async move {
                    if fails {
                        return Err(unavailable());
                    }
                    std::future::pending().await
                }
            })
            .await;
        let error = outcome.unwrap_err();
        assert_eq!((error.kind(), began.elapsed()), (Kind::DeadlineExceeded, Duration::from_secs(5)));
        assert_eq!(error.report().to_string(), "attempt 2: no answer within 5s: down");
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_differ_and_stay_within_their_limits() {
        let (shortest, longest) = (Duration::from_millis(10), Duration::from_millis(500));
        let policy = RetryPolicy::attempts(9).pauses(shortest, longest);
        let mut pause = shortest;
        let mut seen = BTreeSet::new();
        for attempt in 1..200 {
            let next = policy.pause_after(pause, attempt);
            assert!((shortest..=longest.min(pause * 3)).contains(&next), "{next:?} after {pause:?}");
            seen.insert(next);
            pause = next;
        }
        assert!(seen.len() > 150 && seen.iter().any(|pause| *pause > longest / 2), "{}", seen.len());
        let extreme = RetryPolicy::attempts(2).pauses(Duration::MAX, Duration::ZERO).within(Duration::MAX);
        assert!(run(&extreme, &[unavailable()]).await.0.is_err(), "it would outlast any clock");
    }
}
