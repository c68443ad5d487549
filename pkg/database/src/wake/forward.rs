use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use underpin_logger::{Context, Logger, debug, info};

use crate::{Condition, DatabaseError, Pool, Signal};

/// The longest pause between two attempts to listen.
const LONGEST: Duration = Duration::from_secs(5);

/// Calls `notify` with the payload of each NOTIFY on a channel, and with `None` each time that one may have been missed.
///
/// Never ends. Where LISTEN does not exist (SQLite, a transaction pooler) it only waits: the caller polls.
///
/// # Cancel safety
/// Cancel-safe; `notify` is not called any more.
pub async fn forward(
    pool: Pool,
    channel: &'static str,
    log: Arc<dyn Logger>,
    notify: impl Fn(Option<&str>) + Send + Sync,
) -> Infallible {
    let mut failures = 0_u32;
    loop {
        let Err(error) = listen(&pool, channel, &notify, &mut failures).await;
        if matches!(error.condition(), Condition::Unsupported | Condition::Closed) {
            debug!(log, &Context::background(), &error, "no LISTEN here, polling only");
            std::future::pending::<()>().await;
        }
        failures = failures.saturating_add(1);
        if failures == 1 {
            info!(log, &Context::background(), &error, "cannot listen for wake-ups, polling until it works");
        }
        let doubled = Duration::from_millis(100).saturating_mul(1 << failures.min(16));
        tokio::time::sleep(doubled.min(LONGEST)).await;
    }
}

async fn listen(
    pool: &Pool,
    channel: &'static str,
    notify: &(impl Fn(Option<&str>) + Send + Sync),
    failures: &mut u32,
) -> Result<Infallible, DatabaseError> {
    let mut listener = pool.listen(&[channel]).await?;
    *failures = 0;
    loop {
        match listener.next().await? {
            Signal::Notified { payload, .. } => notify(Some(&payload)),
            _ => notify(None),
        }
    }
}
