use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    task::Poll,
    time::{Duration, Instant},
};

use tokio::time::{Sleep, sleep_until};

/// The limit on the wait for a reply, kept from statement to statement.
///
/// A timer of the runtime is set and removed under a lock that all timers share. This one stays set: when it goes off, it is
/// set again for what is then left, which for statements that are answered in time is once in a whole limit.
#[derive(Default)]
pub(crate) struct ReplyTimeout(Option<Pin<Box<Sleep>>>);

impl ReplyTimeout {
    /// Waits for the reply, up to the limit after `started_at`.
    ///
    /// # Cancel safety
    /// As that of `operation`.
    pub(crate) async fn within<T>(
        &mut self,
        limit: Option<Duration>,
        started_at: Instant,
        operation: impl Future<Output = sqlx::Result<T>> + Send,
    ) -> sqlx::Result<T> {
        let mut operation = pin!(operation);
        let Some(deadline) = limit.and_then(|limit| started_at.checked_add(limit)) else {
            return operation.await;
        };
        let deadline = deadline.into();
        poll_fn(|cx| {
            if let Poll::Ready(reply) = operation.as_mut().poll(cx) {
                return Poll::Ready(reply);
            }
            let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            // The limit has been shortened since.
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            while timer.as_mut().poll(cx).is_ready() {
                if timer.deadline() >= deadline {
                    return Poll::Ready(Err(silence()));
                }
                timer.as_mut().reset(deadline);
            }
            Poll::Pending
        })
        .await
    }
}

/// The limit for statements that the server ends by itself after `statement_timeout`. Without one in the client, a caller would
/// wait without limit for a peer whose host or network is gone.
pub(super) fn limit(statement_timeout: Duration) -> Option<Duration> {
    (!statement_timeout.is_zero()).then(|| statement_timeout.saturating_add(GRACE))
}

/// For the reply to travel.
const GRACE: Duration = Duration::from_secs(2);

fn silence() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the server did not answer in time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paused clock of a test is not the one that the callers read: here both are the runtime's.
    async fn within(timer: &mut ReplyTimeout, limit: Option<u64>, seconds: u64) -> sqlx::Result<u64> {
        let started_at = tokio::time::Instant::now().into_std();
        let reply = async {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Ok(seconds)
        };
        timer.within(limit.map(Duration::from_secs), started_at, reply).await
    }

    #[tokio::test(start_paused = true)]
    async fn each_reply_has_the_whole_limit() {
        let mut timer = ReplyTimeout::default();
        for _ in 0..5 {
            assert_eq!(within(&mut timer, Some(10), 9).await.unwrap(), 9);
        }
        let started_at = tokio::time::Instant::now();
        let late = within(&mut timer, Some(10), 11).await.unwrap_err();
        assert!(matches!(late, sqlx::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut));
        assert_eq!(started_at.elapsed().as_secs(), 10);
        assert_eq!(within(&mut timer, Some(10), 9).await.unwrap(), 9, "and it goes on afterwards");
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_can_be_shortened_and_taken_away() {
        let mut timer = ReplyTimeout::default();
        assert_eq!(within(&mut timer, Some(10), 1).await.unwrap(), 1);
        let started_at = tokio::time::Instant::now();
        assert!(within(&mut timer, Some(2), 3).await.is_err());
        assert_eq!(started_at.elapsed().as_secs(), 2);
        assert_eq!(within(&mut timer, None, 3_600).await.unwrap(), 3_600);
    }
}
