//! The metrics of the store. Handles are resolved at each use, so that an exporter may be installed later.

use metrics::{Unit, counter, describe_counter, describe_histogram};

const OPERATIONS: &str = "underpin_store_operations_total";
const SECONDS: &str = "underpin_store_operation_duration_seconds";
const LEASES_LOST: &str = "underpin_store_leases_lost_total";
const OBJECT_BYTES: &str = "underpin_store_object_bytes_total";
const WATCH_RESTARTS: &str = "underpin_store_watch_restarts_total";

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
    describe_counter!(LEASES_LOST, "Leases that their holder lost before it released them");
    describe_counter!(OBJECT_BYTES, Unit::Bytes, "Data of objects that was stored and read");
    describe_counter!(WATCH_RESTARTS, "Times that a watch was interrupted and started again");
}

/// Notes one operation.
pub(crate) fn operation<T>(
    bucket: &str,
    operation: &'static str,
    began: std::time::Instant,
    result: &Result<T, crate::StoreError>,
) {
    let outcome = match result {
        Ok(_) => "ok",
        Err(error) if error.is_conflict() => "conflict",
        Err(error) if error.is_ambiguous() => "unconfirmed",
        Err(_) => "error",
    };
    let labels = [("bucket", bucket.to_owned()), ("operation", operation.to_owned())];
    metrics::histogram!(SECONDS, &labels).record(began.elapsed());
    let [bucket, operation] = labels;
    let labels = [bucket, operation, ("outcome", outcome.to_owned())];
    counter!(OPERATIONS, &labels).increment(1);
}

/// Notes data of objects that was stored (`put`) or read (`get`).
pub(crate) fn object_bytes(bucket: &str, operation: &'static str, bytes: u64) {
    counter!(OBJECT_BYTES, "bucket" => bucket.to_owned(), "operation" => operation).increment(bytes);
}

pub(crate) fn lease_lost() {
    counter!(LEASES_LOST).increment(1);
}

#[cfg(feature = "jetstream")]
pub(crate) fn watch_restarted(bucket: &str) {
    counter!(WATCH_RESTARTS, "bucket" => bucket.to_owned()).increment(1);
}
