//! The metrics of objects. Handles are resolved at each use, so that an exporter may be installed later.

use std::time::Instant;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

use crate::StoreError;

const OPERATIONS: &str = "underpin_objects_operations_total";
const SECONDS: &str = "underpin_objects_operation_duration_seconds";
const BYTES: &str = "underpin_objects_bytes_total";
const READ_FAILURES: &str = "underpin_objects_read_failures_total";

/// Describes the metrics of this crate to the installed exporter. Call it after the exporter is installed.
///
/// # Examples
/// ```
/// // metrics_exporter_prometheus::PrometheusBuilder::new().install()?;
/// underpin_objects::describe_metrics();
/// ```
pub fn describe_metrics() {
    describe_counter!(OPERATIONS, "Operations on objects, by operation and outcome");
    describe_histogram!(
        SECONDS,
        Unit::Seconds,
        "Duration of operations on objects; a get ends when it is opened"
    );
    describe_counter!(BYTES, Unit::Bytes, "Data of objects that was stored and read");
    describe_counter!(READ_FAILURES, "Objects that were opened and could not be read to the end, by reason");
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

/// Notes data that was stored (`put`) or read (`get`).
pub(crate) fn bytes(bucket: &str, operation: &'static str, bytes: u64) {
    counter!(BYTES, "bucket" => bucket.to_owned(), "operation" => operation).increment(bytes);
}

/// Notes why an object that was opened could not be read to the end.
pub(crate) fn read_failed(bucket: &str, error: &StoreError) {
    let reason = match error {
        StoreError::Replaced => "replaced",
        StoreError::Corrupt(_) => "corrupt",
        _ => "error",
    };
    counter!(READ_FAILURES, "bucket" => bucket.to_owned(), "reason" => reason).increment(1);
}
