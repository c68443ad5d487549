use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use underpin_errors::Kind;

use crate::error::RpcError;
use crate::meters;
use crate::settings::RpcSettings;

/// What an attempt needs at least. With less it would time out, and hide why the one before it failed.
const LEAST: Duration = Duration::from_millis(10);

/// Runs a call, and again where it is idempotent and the failure is of the kind that passes.
pub(crate) async fn run<T, F, Fut>(
    settings: &RpcSettings,
    idempotent: bool,
    until: Instant,
    mut attempt: F,
) -> Result<T, RpcError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, RpcError>>,
{
    let mut retries = 0;
    loop {
        let failure = match attempt().await {
            Err(failure) if idempotent && retries < settings.retries && passes(&failure) => failure,
            done => return done,
        };
        let delay = delay(settings, retries);
        if Instant::now() + delay + LEAST >= until {
            return Err(failure);
        }
        meters::retried();
        // Boxed: every call would carry its size.
        Box::pin(sleep(delay)).await;
        retries += 1;
    }
}

/// Whether the next attempt may meet another instance or connection. Overload does not pass by trying again.
fn passes(failure: &RpcError) -> bool {
    match failure {
        RpcError::NoResponders { .. } | RpcError::Lost => true,
        RpcError::Remote(remote) => remote.error().kind() == Kind::Unavailable,
        _ => false,
    }
}

fn delay(settings: &RpcSettings, retries: u32) -> Duration {
    let full = settings.retry_delay.saturating_mul(1 << retries.min(20)).min(settings.retry_delay_max);
    full.mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::deadline;

    async fn attempts(idempotent: bool, failure: impl Fn() -> RpcError + Send + Sync) -> u32 {
        let count = AtomicU32::new(0);
        let until = deadline::after(Duration::from_secs(30));
        let done: Result<(), _> = run(&RpcSettings::default(), idempotent, until, || {
            count.fetch_add(1, Ordering::Relaxed);
            let failure = failure();
            async { Err(failure) }
        })
        .await;
        assert!(done.is_err());
        count.load(Ordering::Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn only_idempotent_calls_are_repeated_and_only_where_it_helps() {
        let missing = || RpcError::NoResponders { subject: "a".into() };
        assert_eq!(attempts(false, missing).await, 1);
        assert_eq!(attempts(true, missing).await, 4);
        assert_eq!(attempts(true, || RpcError::Lost).await, 4);
        let remote = |error: fn(&'static str) -> underpin_errors::Error| move || RpcError::remote(error("x"));
        assert_eq!(attempts(true, remote(underpin_errors::Error::unavailable)).await, 4);
        assert_eq!(attempts(true, remote(underpin_errors::Error::too_many_requests)).await, 1);
        assert_eq!(attempts(true, || RpcError::Timeout { within: Duration::ZERO }).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn no_retry_begins_after_the_deadline() {
        let began = Instant::now();
        let until = deadline::after(Duration::from_millis(60));
        let settings = RpcSettings::default().retries(20);
        let done: Result<(), _> = run(&settings, true, until, || async { Err(RpcError::Lost) }).await;
        assert!(matches!(done, Err(RpcError::Lost)) && began.elapsed() <= Duration::from_millis(60));
    }
}
