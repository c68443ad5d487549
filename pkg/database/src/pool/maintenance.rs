use std::{
    future::poll_fn,
    sync::{Arc, Weak},
    task::Poll,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{MissedTickBehavior, interval},
};

use super::{
    control::ControlConnection,
    entry::PooledConnection,
    reset::reset,
    retire::{MaintenanceAction, Retired},
    state::PoolState,
};

/// How long the reset of a connection may take, and how long its close. What takes longer is cut off.
const LIMIT: Duration = Duration::from_secs(2);

/// The one task of the pool: works on retired connections, and closes surplus ones at every tick. It ends when the pool is
/// gone and every retired connection is closed.
pub(super) async fn run(
    pool: Weak<PoolState>,
    control: Arc<ControlConnection>,
    mut retired: UnboundedReceiver<Retired>,
    every: Duration,
) {
    let mut in_progress = FuturesUnordered::new();
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    #[cfg(feature = "metrics")]
    let mut metrics = super::metrics::PoolMetrics::default();
    let mut is_open = true;
    while is_open || !in_progress.is_empty() {
        let event = poll_fn(|cx| {
            if let Poll::Ready(Some(())) = in_progress.poll_next_unpin(cx) {
                return Poll::Ready(Event::Done);
            }
            if is_open && let Poll::Ready(received) = retired.poll_recv(cx) {
                return Poll::Ready(received.map_or(Event::Closed, Event::Retired));
            }
            tick.poll_tick(cx).map(|_| Event::Tick)
        });
        match event.await {
            Event::Retired(retired) => in_progress.push(work_on(retired, Weak::clone(&pool), &control)),
            Event::Done => {}
            Event::Closed => is_open = false,
            Event::Tick => match pool.upgrade() {
                Some(pool) => {
                    pool.retire_surplus(Instant::now());
                    #[cfg(feature = "metrics")]
                    metrics.publish(&pool.stats());
                }
                None => is_open = false,
            },
        }
    }
}

enum Event {
    Retired(Retired),
    Done,
    Closed,
    Tick,
}

/// How often the task looks at the idle connections.
pub(super) fn period(pool: &PoolState) -> Duration {
    let shortest = [pool.settings.idle_timeout, pool.settings.max_lifetime]
        .into_iter()
        .filter(|limit| !limit.is_zero())
        .min()
        .unwrap_or(Duration::from_secs(1));
    (shortest / 4).clamp(Duration::from_millis(50), Duration::from_secs(1))
}

async fn work_on(retired: Retired, pool: Weak<PoolState>, control: &ControlConnection) {
    let Retired { mut entry, permit, action } = retired;
    match (action, pool.upgrade()) {
        (MaintenanceAction::Reset { roll_back }, Some(pool)) => {
            // The data of a database in memory would go with its connection.
            let limit = if pool.is_memory() { Duration::MAX } else { LIMIT };
            if let Ok(Ok(())) = tokio::time::timeout(limit, make_fit(&pool, &mut entry, roll_back)).await {
                pool.counters.reset();
                pool.put_idle(entry, Instant::now());
                drop(permit);
                return;
            }
        }
        (MaintenanceAction::Close { cancel: true }, pool) => {
            if let Some(session) = entry.connection.identity() {
                // Where the server cannot be reached in time, `statement_timeout` ends the statement.
                let cancelled = tokio::time::timeout(LIMIT, control.cancel(session)).await;
                if let (Ok(true), Some(pool)) = (cancelled, pool) {
                    pool.counters.cancelled();
                }
            }
        }
        _ => {}
    }
    // A close that fails or takes too long ends as a closed socket all the same.
    drop(tokio::time::timeout(LIMIT, entry.connection.close()).await);
    drop(permit);
}

async fn make_fit(pool: &PoolState, entry: &mut PooledConnection, roll_back: bool) -> sqlx::Result<()> {
    reset(&pool.control, &pool.counters, entry, roll_back).await?;
    if entry.stale_plans {
        entry.connection.forget_plans().await?;
        entry.stale_plans = false;
    }
    Ok(())
}
