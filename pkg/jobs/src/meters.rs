//! What workers and schedulers report through the `metrics` facade.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::QueueStatus;

const ENQUEUED: &str = "underpin_jobs_enqueued_total";
const FINISHED: &str = "underpin_jobs_finished_total";
const RESCUED: &str = "underpin_jobs_rescued_total";
const STALE: &str = "underpin_jobs_stale_finishes_total";
const OUTAGES: &str = "underpin_jobs_outages_total";
const RUN: &str = "underpin_jobs_run_seconds";
const WAIT: &str = "underpin_jobs_wait_seconds";
const RUNNING: &str = "underpin_jobs_running";
const READY: &str = "underpin_jobs_ready";
const OLDEST: &str = "underpin_jobs_oldest_seconds";
const DEAD: &str = "underpin_jobs_dead";
const LATENESS: &str = "underpin_cron_lateness_seconds";
const LAST_FIRED: &str = "underpin_cron_last_fired_timestamp_seconds";
const NEXT: &str = "underpin_cron_next_timestamp_seconds";
const MISSED: &str = "underpin_cron_missed_total";

/// Registers the help texts of the metrics of this crate with the installed recorder. Call it after installing one.
///
/// # Examples
/// ```
/// // After the exporter is installed:
/// underpin_jobs::describe_metrics();
/// ```
pub fn describe_metrics() {
    describe_counter!(ENQUEUED, Unit::Count, "Jobs handed to a transaction, committed or not.");
    describe_counter!(FINISHED, Unit::Count, "Ended attempts, by kind and outcome.");
    describe_counter!(RESCUED, Unit::Count, "Lost attempts whose job was rescued by this process.");
    describe_counter!(STALE, Unit::Count, "Ended attempts that had lost their job.");
    describe_counter!(OUTAGES, Unit::Count, "Calls of the store that failed.");
    describe_histogram!(RUN, Unit::Seconds, "Time that an attempt ran.");
    describe_histogram!(WAIT, Unit::Seconds, "Time from when a job was due to its claim.");
    describe_gauge!(RUNNING, Unit::Count, "Attempts that run in this process.");
    describe_gauge!(READY, Unit::Count, "Jobs that may run now, counted up to about 10,000 for each kind.");
    describe_gauge!(OLDEST, Unit::Seconds, "How long the oldest ready job waits.");
    describe_gauge!(DEAD, Unit::Count, "Dead jobs, counted up to about 10,000.");
    describe_histogram!(LATENESS, Unit::Seconds, "Time from a tick to its job.");
    describe_gauge!(LAST_FIRED, Unit::Seconds, "The last tick that this process fired, in Unix seconds.");
    describe_gauge!(
        NEXT,
        Unit::Seconds,
        "The tick that this process waits for, in Unix seconds; 0 for none."
    );
    describe_counter!(MISSED, Unit::Count, "Ticks that were passed over, by the policy of their entry.");
}

pub(crate) fn enqueued(kind: &'static str, jobs: u64) {
    counter!(ENQUEUED, "kind" => kind).increment(jobs);
}

pub(crate) fn finished(kind: &'static str, outcome: &'static str, took: Duration) {
    counter!(FINISHED, "kind" => kind, "outcome" => outcome).increment(1);
    histogram!(RUN, "kind" => kind).record(took.as_secs_f64());
}

pub(crate) fn waited(queue: &str, waited: Duration) {
    histogram!(WAIT, "queue" => queue.to_owned()).record(waited.as_secs_f64());
}

pub(crate) fn rescued(kind: &str) {
    counter!(RESCUED, "kind" => kind.to_owned()).increment(1);
}

pub(crate) fn stale(attempts: usize) {
    counter!(STALE).increment(attempts as u64);
}

pub(crate) fn outage() {
    counter!(OUTAGES).increment(1);
}

pub(crate) fn running(queue: &str, attempts: usize) {
    gauge!(RUNNING, "queue" => queue.to_owned()).set(number(attempts as u64));
}

/// Sets the gauges of all queues. A queue that is empty now has no status any more and is set to zero; versions of a kind are summed up.
pub(crate) fn queues(before: &[QueueStatus], now: &[QueueStatus]) {
    let mut sums = BTreeMap::new();
    for status in before {
        sums.insert((&status.queue, &status.kind), (0, Duration::ZERO, 0));
    }
    for status in now {
        let (ready, oldest, dead) = sums.entry((&status.queue, &status.kind)).or_default();
        *ready += status.ready;
        *oldest = status.oldest.max(*oldest);
        *dead += status.dead;
    }
    for ((queue, kind), (ready, oldest, dead)) in sums {
        let labels = [("queue", queue.clone()), ("kind", kind.clone())];
        gauge!(READY, &labels).set(number(ready));
        gauge!(OLDEST, &labels).set(oldest.as_secs_f64());
        gauge!(DEAD, &labels).set(number(dead));
    }
}

#[cfg(feature = "cron")]
pub(crate) fn fired(name: &str, at: i64, late: Duration) {
    histogram!(LATENESS, "name" => name.to_owned()).record(late.as_secs_f64());
    gauge!(LAST_FIRED, "name" => name.to_owned()).set(number(u64::try_from(at).unwrap_or(0)));
}

#[cfg(feature = "cron")]
pub(crate) fn waits_for(name: &str, tick: Option<i64>) {
    let tick = tick.and_then(|tick| u64::try_from(tick).ok());
    gauge!(NEXT, "name" => name.to_owned()).set(number(tick.unwrap_or(0)));
}

#[cfg(feature = "cron")]
pub(crate) fn missed(name: &str, ticks: u64) {
    counter!(MISSED, "name" => name.to_owned()).increment(ticks);
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and counts beyond 2^52 do not occur")]
fn number(count: u64) -> f64 {
    count as f64
}
