use std::sync::{Mutex, PoisonError};

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};

use super::stats::PoolStats;

/// Shows the pool through the `metrics` facade, at every tick of the maintenance task: at least once a second.
///
/// The pools of one process add up. Their sums are kept here and published as absolute values, so that an exporter that is
/// installed after a pool was opened sees what happened before.
#[derive(Default)]
pub(super) struct PoolMetrics {
    gauges: [i64; 4],
    counters: [u64; 7],
}

/// The sums over all pools of the process, and the recorder that knows the descriptions.
struct Totals {
    gauges: [i64; 4],
    counters: [u64; 7],
    described_at: usize,
}

static TOTALS: Mutex<Totals> = Mutex::new(Totals { gauges: [0; 4], counters: [0; 7], described_at: 0 });

const GAUGES: [(&str, &str); 4] = [
    ("underpin_database_connections_open", "Open connections, the idle ones included."),
    ("underpin_database_connections_idle", "Open connections that are not lent."),
    ("underpin_database_connections_in_use", "Connections that are lent, being opened or being reset."),
    ("underpin_database_callers_waiting", "Callers that wait for a connection."),
];

const COUNTERS: [(&str, &str); 7] = [
    (
        "underpin_database_acquire_timeouts_total",
        "Callers that waited for a connection until the acquire timeout.",
    ),
    ("underpin_database_connections_opened_total", "Connections opened."),
    (
        "underpin_database_connections_retired_total",
        "Connections closed because they were expired or surplus.",
    ),
    ("underpin_database_connections_lost_total", "Connections that broke while they were in use."),
    ("underpin_database_connections_found_dead_total", "Idle connections that did not answer a ping."),
    ("underpin_database_connections_settled_total", "Connections reset after their caller went away."),
    ("underpin_database_statements_cancelled_total", "Statements cancelled because their caller went away."),
];

/// Recorded for each connection lent.
pub(super) const ACQUIRE_SECONDS: &str = "underpin_database_acquire_seconds";

impl PoolMetrics {
    pub(super) fn publish(&mut self, stats: &PoolStats) {
        let gauges = [stats.open, stats.idle, stats.in_use, stats.waiting]
            .map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        let counters = [
            stats.timeouts,
            stats.opened,
            stats.retired,
            stats.lost,
            stats.found_dead,
            stats.reset,
            stats.cancelled,
        ];
        self.advance(gauges, counters);
    }

    fn advance(&mut self, gauges: [i64; 4], counters: [u64; 7]) {
        let mut totals = TOTALS.lock().unwrap_or_else(PoisonError::into_inner);
        for ((total, before), now) in totals.gauges.iter_mut().zip(self.gauges).zip(gauges) {
            *total += now - before;
        }
        for ((total, before), now) in totals.counters.iter_mut().zip(self.counters).zip(counters) {
            *total += now.saturating_sub(before);
        }
        (self.gauges, self.counters) = (gauges, counters);
        totals.publish();
    }
}

impl Drop for PoolMetrics {
    fn drop(&mut self) {
        // The counters stay, the gauges of this pool go.
        self.advance([0; 4], self.counters);
    }
}

impl Totals {
    fn publish(&mut self) {
        // Recorders are distinguished by address: the one before an exporter is installed forgets descriptions.
        let recorder = metrics::with_recorder(|recorder| std::ptr::from_ref(recorder).cast::<()>().addr());
        if self.described_at != recorder {
            self.described_at = recorder;
            describe();
        }
        for ((name, _), total) in GAUGES.into_iter().zip(self.gauges) {
            gauge!(name).set(total as f64);
        }
        for ((name, _), total) in COUNTERS.into_iter().zip(self.counters) {
            counter!(name).absolute(total);
        }
    }
}

fn describe() {
    for (name, text) in GAUGES {
        describe_gauge!(name, Unit::Count, text);
    }
    for (name, text) in COUNTERS {
        describe_counter!(name, Unit::Count, text);
    }
    describe_histogram!(ACQUIRE_SECONDS, Unit::Seconds, "How long callers waited for a connection.");
}
