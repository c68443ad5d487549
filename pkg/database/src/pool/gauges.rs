use metrics::Gauge;

use super::PoolStats;

/// The pool as gauges of the `metrics` facade, brought up to date by the janitor at each of its rounds: at least once a
/// second.
///
/// Each is moved by the difference to what was shown before, so that the pools of one process add up, and by what is left
/// when the pool ends.
#[derive(Default)]
pub(super) struct Gauges([f64; 4]);

impl Gauges {
    pub(super) fn show(&mut self, stats: &PoolStats) {
        self.move_to([stats.open as f64, stats.idle as f64, stats.in_use as f64, stats.waiting as f64]);
    }

    fn move_to(&mut self, now: [f64; 4]) {
        for ((gauge, shown), now) in gauges().iter().zip(&mut self.0).zip(now) {
            gauge.increment(now - *shown);
            *shown = now;
        }
    }
}

impl Drop for Gauges {
    fn drop(&mut self) {
        self.move_to([0.0; 4]);
    }
}

fn gauges() -> [Gauge; 4] {
    [
        metrics::gauge!("underpin_database_connections_open"),
        metrics::gauge!("underpin_database_connections_idle"),
        metrics::gauge!("underpin_database_connections_in_use"),
        metrics::gauge!("underpin_database_callers_waiting"),
    ]
}
