use std::sync::Arc;
use std::time::Duration;

use underpin_database::{Condition, DatabaseError, Pool, Signal};
use underpin_logger::{Context, Logger, debug, info};

use crate::enqueue::Bell;
use crate::schema::{CHANNEL, LANES_ARE_FREE};
use underpin_events::Backoff;

/// Rings the bell at each NOTIFY, and after each time that one may have been missed. Never ends; dropped with the relay.
///
/// Where there is no LISTEN (SQLite, behind a transaction pooler), polling is all there is.
pub(super) async fn forward(pool: Pool, bell: Bell, log: Arc<dyn Logger>) {
    let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    let mut failures = 0_u32;
    loop {
        match listen(&pool, &bell, &mut failures).await {
            Err(error) if matches!(error.condition(), Condition::Unsupported | Condition::Closed) => {
                debug!(log, &Context::background(), &error, "relay polls only");
                std::future::pending::<()>().await;
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                if failures == 1 {
                    info!(log, &Context::background(), &error, "relay cannot listen, and polls until it can");
                }
                tokio::time::sleep(backoff.delay(failures)).await;
            }
            Ok(never) => match never {},
        }
    }
}

async fn listen(
    pool: &Pool,
    bell: &Bell,
    failures: &mut u32,
) -> Result<std::convert::Infallible, DatabaseError> {
    let mut listener = pool.listen(&[CHANNEL]).await?;
    *failures = 0;
    loop {
        match listener.next().await? {
            Signal::Notified { payload, .. } if payload == LANES_ARE_FREE => bell.ring_for_lanes(),
            _ => bell.ring(),
        }
    }
}
