//! The metrics of the store. Handles are resolved at each use, so that an exporter may be installed later.

use std::time::{Duration, Instant};

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

use crate::{CacheStats, StoreError};

const OPERATIONS: &str = "underpin_store_operations_total";
const SECONDS: &str = "underpin_store_operation_duration_seconds";
const WATCH_RESTARTS: &str = "underpin_store_watch_restarts_total";
const LEASES_LOST: &str = "underpin_store_leases_lost_total";
const LEASE_WAIT: &str = "underpin_store_lease_wait_seconds";
const CACHE_GETS: &str = "underpin_store_cache_gets_total";
const CACHE_LOADS: &str = "underpin_store_cache_loads_total";
const CACHE_INTERRUPTIONS: &str = "underpin_store_cache_interruptions_total";
#[cfg(feature = "tower")]
const LIMITED: &str = "underpin_store_limit_decisions_total";

/// Describes the metrics of this crate to the installed exporter. Call it after the exporter is installed.
///
/// # Examples
/// ```
/// // metrics_exporter_prometheus::PrometheusBuilder::new().install()?;
/// underpin_store::describe_metrics();
/// ```
pub fn describe_metrics() {
    describe_counter!(OPERATIONS, "Operations on a bucket, by operation and outcome");
    describe_histogram!(SECONDS, Unit::Seconds, "Duration of operations on a bucket");
    describe_counter!(WATCH_RESTARTS, "Times that a watch was interrupted and started again");
    describe_counter!(LEASES_LOST, "Leases that their holder lost before it released them");
    describe_histogram!(LEASE_WAIT, Unit::Seconds, "How long locks were waited for, by outcome");
    describe_counter!(CACHE_GETS, "Gets of a cache, by outcome; hits are counted with the next miss");
    describe_counter!(CACHE_LOADS, "Loads of a cache, by outcome");
    describe_counter!(
        CACHE_INTERRUPTIONS,
        "Times that a cache dropped everything because its feed was interrupted"
    );
    #[cfg(feature = "tower")]
    describe_counter!(LIMITED, "Requests that a rate limit decided on, by limit and outcome");
}

/// Notes one operation.
pub(crate) fn operation<T>(
    bucket: &str,
    operation: &'static str,
    began: Instant,
    result: &Result<T, StoreError>,
) {
    let outcome = match result {
        Ok(_) => "ok",
        Err(error) if error.is_conflict() => "conflict",
        Err(error) if error.is_ambiguous() => "unconfirmed",
        Err(_) => "error",
    };
    histogram!(SECONDS, "bucket" => bucket.to_owned(), "operation" => operation).record(began.elapsed());
    let operations =
        counter!(OPERATIONS, "bucket" => bucket.to_owned(), "operation" => operation, "outcome" => outcome);
    operations.increment(1);
}

#[cfg(feature = "jetstream")]
pub(crate) fn watch_restarted(bucket: &str) {
    counter!(WATCH_RESTARTS, "bucket" => bucket.to_owned()).increment(1);
}

pub(crate) fn lease_lost() {
    counter!(LEASES_LOST).increment(1);
}

pub(crate) fn lease_awaited(waited: Duration, error: Option<&StoreError>) {
    let outcome = match error {
        None => "acquired",
        Some(StoreError::Timeout { operation: "acquire a lock", .. }) => "timeout",
        Some(_) => "error",
    };
    histogram!(LEASE_WAIT, "outcome" => outcome).record(waited);
}

/// Reports what a cache has counted so far.
pub(crate) fn cache(name: &str, stats: &CacheStats) {
    for (outcome, count) in [("hit", stats.hits), ("stale", stats.stale_hits), ("miss", stats.misses)] {
        counter!(CACHE_GETS, "cache" => name.to_owned(), "outcome" => outcome).absolute(count);
    }
    for (outcome, count) in
        [("ok", stats.loads - stats.failed_loads.min(stats.loads)), ("error", stats.failed_loads)]
    {
        counter!(CACHE_LOADS, "cache" => name.to_owned(), "outcome" => outcome).absolute(count);
    }
    counter!(CACHE_INTERRUPTIONS, "cache" => name.to_owned()).absolute(stats.interruptions);
}

#[cfg(feature = "tower")]
pub(crate) fn limited(limit: &'static str, taken: &Result<crate::RateDecision, StoreError>) {
    let outcome = match taken {
        Ok(decision) if decision.is_allowed() => "allowed",
        Ok(_) => "refused",
        Err(_) => "error",
    };
    counter!(LIMITED, "limit" => limit, "outcome" => outcome).increment(1);
}
