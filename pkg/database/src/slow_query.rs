//! The log of slow statements.

use std::time::{Duration, Instant};

use underpin_logger::{Context, warn};

use crate::{driver::Call, literals::without_literals, pool::PoolState};

/// Times one statement. Only a slow one costs more than reading the clock.
pub(crate) struct QueryTimer {
    started_at: Instant,
    pub(crate) waited: Duration,
}

/// A statement that has ended.
pub(crate) struct QueryTiming {
    started_at: Instant,
    waited: Duration,
    pub(crate) ended_at: Instant,
}

impl QueryTimer {
    /// `waited` is how long the connection was waited for; it is reported apart from the time of the statement.
    pub(crate) fn new(started_at: Instant, waited: Duration) -> Self {
        Self { started_at, waited }
    }

    /// From now on, on a connection that is held already.
    pub(crate) fn start() -> Self {
        Self::new(Instant::now(), Duration::ZERO)
    }

    /// From now on, after the same wait.
    #[cfg(feature = "stream")]
    pub(crate) fn again(self) -> Self {
        Self::new(Instant::now(), self.waited)
    }

    pub(crate) fn started_at(&self) -> Instant {
        self.started_at
    }

    pub(crate) fn stop(self) -> QueryTiming {
        QueryTiming { started_at: self.started_at, waited: self.waited, ended_at: Instant::now() }
    }
}

impl QueryTiming {
    pub(crate) fn log_statement(&self, pool: &PoolState, ctx: &Context, call: &Call, rows: Option<u64>) {
        if let Some(duration) = self.slow(pool) {
            report(pool, ctx, &call.sql, call.binds(), rows, duration, self.waited);
        }
    }

    pub(crate) fn log_batch(&self, pool: &PoolState, ctx: &Context, sql: &str, rows: Option<u64>) {
        if let Some(duration) = self.slow(pool) {
            report(pool, ctx, sql, 0, rows, duration, self.waited);
        }
    }

    fn slow(&self, pool: &PoolState) -> Option<Duration> {
        let limit = pool.settings.slow_query;
        let duration = self.ended_at.saturating_duration_since(self.started_at);
        (!limit.is_zero() && duration >= limit).then_some(duration)
    }
}

#[cold]
fn report(
    pool: &PoolState,
    ctx: &Context,
    sql: &str,
    binds: usize,
    rows: Option<u64>,
    duration: Duration,
    waited: Duration,
) {
    warn!(pool.log, ctx, "slow query", sql = without_literals(sql), duration, waited, binds, rows);
}
