//! What relays report through the `metrics` facade.
//!
//! The recorder is looked up at each use, so that one installed after the relay started gets everything from then on.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::OutboxLag;

const PUBLISHED: &str = "underpin_outbox_published_total";
const DUPLICATES: &str = "underpin_outbox_duplicates_total";
const FAILURES: &str = "underpin_outbox_failures_total";
const QUARANTINES: &str = "underpin_outbox_quarantines_total";
const OUTAGES: &str = "underpin_outbox_outages_total";
const WAIT: &str = "underpin_outbox_wait_seconds";
const PARTITIONS: &str = "underpin_outbox_lanes";
const WAITING: &str = "underpin_outbox_waiting";
const OLDEST: &str = "underpin_outbox_oldest_seconds";
const BLOCKED_KEYS: &str = "underpin_outbox_blocked_keys";
const QUARANTINED: &str = "underpin_outbox_quarantined";

/// Registers the help texts of the metrics of this crate with the installed recorder. Call it after installing one.
///
/// # Examples
/// ```
/// // After the exporter is installed:
/// underpin_outbox::describe_metrics();
/// ```
pub fn describe_metrics() {
    describe_counter!(PUBLISHED, Unit::Count, "Events that the broker confirmed.");
    describe_counter!(DUPLICATES, Unit::Count, "Confirmed events that the broker had stored before.");
    describe_counter!(FAILURES, Unit::Count, "Failed publishes of single events.");
    describe_counter!(QUARANTINES, Unit::Count, "Events that were put into quarantine by a relay.");
    describe_counter!(OUTAGES, Unit::Count, "Failed poll cycles: the database or the broker did not answer.");
    describe_histogram!(WAIT, Unit::Seconds, "Time from enqueue to the broker's confirmation.");
    describe_gauge!(PARTITIONS, Unit::Count, "Partitions leased by the relay, of 32 in all.");
    describe_gauge!(WAITING, Unit::Count, "Events that wait to be published, counted up to about 10,000.");
    describe_gauge!(OLDEST, Unit::Seconds, "Age of the oldest waiting event.");
    describe_gauge!(BLOCKED_KEYS, Unit::Count, "Keys whose first event failed and is retried later.");
    describe_gauge!(QUARANTINED, Unit::Count, "Events in quarantine.");
}

pub(crate) fn published(ages_ms: &[i64], duplicates: u64) {
    counter!(PUBLISHED).increment(ages_ms.len() as u64);
    counter!(DUPLICATES).increment(duplicates);
    if ages_ms.is_empty() {
        return;
    }
    let wait = histogram!(WAIT);
    for age in ages_ms {
        wait.record(Duration::from_millis(u64::try_from(*age).unwrap_or(0)).as_secs_f64());
    }
}

pub(crate) fn failed(failures: u64, quarantines: u64) {
    counter!(FAILURES).increment(failures);
    counter!(QUARANTINES).increment(quarantines);
}

pub(crate) fn outage() {
    counter!(OUTAGES).increment(1);
}

pub(crate) fn partitions(partitions: usize) {
    gauge!(PARTITIONS).set(count(partitions as u64));
}

pub(crate) fn lag(lag: &OutboxLag) {
    gauge!(WAITING).set(count(lag.waiting));
    gauge!(OLDEST).set(lag.oldest.as_secs_f64());
    gauge!(BLOCKED_KEYS).set(count(lag.blocked_keys));
    gauge!(QUARANTINED).set(count(lag.quarantined));
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and counts beyond 2^52 do not occur")]
fn count(count: u64) -> f64 {
    count as f64
}
