//! The log of slow statements.

use std::time::{Duration, Instant};

use underpin_logger::{Context, warn};

use crate::{driver::Call, literals::without_literals, pool::Core};

/// Watches one statement. Only a slow one costs more than reading the clock.
pub(crate) struct Watch {
    started: Instant,
    waited: Duration,
}

/// A statement that has ended.
pub(crate) struct Took {
    started: Instant,
    waited: Duration,
    pub(crate) ended: Instant,
}

impl Watch {
    /// `waited` is how long the connection was waited for; it is told apart from the time of the statement.
    pub(crate) fn new(started: Instant, waited: Duration) -> Self {
        Self { started, waited }
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

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    pub(crate) fn stop(self) -> Took {
        Took { started: self.started, waited: self.waited, ended: Instant::now() }
    }
}

impl Took {
    pub(crate) fn statement(&self, core: &Core, ctx: Option<&Context>, call: &Call, rows: Option<u64>) {
        if let Some(duration) = self.slow(core) {
            report(core, ctx, &call.sql, call.binds(), rows, duration, self.waited);
        }
    }

    pub(crate) fn text(&self, core: &Core, ctx: Option<&Context>, sql: &str, rows: Option<u64>) {
        if let Some(duration) = self.slow(core) {
            report(core, ctx, sql, 0, rows, duration, self.waited);
        }
    }

    fn slow(&self, core: &Core) -> Option<Duration> {
        let limit = core.settings.slow_query;
        let duration = self.ended.saturating_duration_since(self.started);
        (!limit.is_zero() && duration >= limit).then_some(duration)
    }
}

#[cold]
fn report(
    core: &Core,
    ctx: Option<&Context>,
    sql: &str,
    binds: usize,
    rows: Option<u64>,
    duration: Duration,
    waited: Duration,
) {
    let current;
    let ctx = match ctx {
        Some(ctx) => ctx,
        None => {
            current = Context::current();
            &current
        }
    };
    warn!(core.log, ctx, "slow query", sql = without_literals(sql), duration, waited, binds, rows);
}
