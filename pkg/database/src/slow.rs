//! The log of slow statements.

use std::time::{Duration, Instant};

use underpin_logger::{Context, warn};

use crate::{driver::Call, pool::Core};

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

/// The text with every quoted literal replaced by `'?'`: what was written into the statement instead of bound is data too.
/// Cut at 2,000 characters.
fn without_literals(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len().min(2_048));
    let mut rest = sql;
    while let Some((before, quoted)) = rest.split_once('\'') {
        text.push_str(before);
        text.push_str("'?'");
        rest = after_literal(quoted);
        if text.len() > 2_000 {
            break;
        }
    }
    text.push_str(rest);
    if let Some((cut, _)) = text.char_indices().nth(2_000) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

/// What follows the literal that `quoted` begins in; `''` is a quote inside of it.
fn after_literal(mut quoted: &str) -> &str {
    while let Some((_, rest)) = quoted.split_once('\'') {
        match rest.strip_prefix('\'') {
            Some(inside) => quoted = inside,
            None => return rest,
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_not_shown() {
        for (sql, shown) in [
            ("SELECT $1", "SELECT $1"),
            ("SELECT 'secret', 2", "SELECT '?', 2"),
            ("SELECT 'it''s secret' || 'x'", "SELECT '?' || '?'"),
            ("SELECT 'never closed secret", "SELECT '?'"),
        ] {
            assert_eq!(without_literals(sql), shown);
        }
        assert_eq!(without_literals(&"é".repeat(5_000)).chars().count(), 2_001);
    }
}
