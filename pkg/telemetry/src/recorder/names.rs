//! The metrics of telemetry itself.

#[cfg(feature = "otlp")]
use metrics::{Counter, counter};
use metrics::{describe_counter, describe_gauge};

pub(super) const SERIES_DROPPED: &str = "underpin_telemetry_series_dropped_total";
pub(super) const BUILD_INFO: &str = "underpin_build_info";
const EXPORTED: &str = "underpin_telemetry_exported_total";
const DROPPED: &str = "underpin_telemetry_dropped_total";

/// Describes them, once a recorder is installed.
pub(super) fn describe() {
    describe_counter!(SERIES_DROPPED, "Recordings that were folded into the series `other`, by metric");
    describe_gauge!(BUILD_INFO, "1, with the version and commit of the service as labels");
    describe_counter!(EXPORTED, "Spans and log records that a collector took, by signal");
    describe_counter!(DROPPED, "Spans and log records that were not exported, by signal and reason");
    describe_counter!("process_cpu_seconds_total", "Processor time of the process, in seconds");
    describe_gauge!("process_resident_memory_bytes", "Memory of the process that is in RAM");
    describe_gauge!("process_open_fds", "Open file descriptors of the process");
    describe_gauge!("process_max_fds", "How many file descriptors the process may open");
    describe_gauge!("process_threads", "Threads of the process");
    describe_gauge!("process_start_time_seconds", "When the process started, in seconds since 1970");
    describe_gauge!("tokio_workers", "Worker threads of the service's runtime");
    describe_gauge!("tokio_alive_tasks", "Tasks of the service's runtime that have not ended");
    describe_gauge!("tokio_global_queue_depth", "Tasks that wait in the runtime's global queue");
}

/// Spans and records that a collector took.
#[cfg(feature = "otlp")]
pub(crate) fn exported(signal: &'static str) -> Counter {
    counter!(EXPORTED, "signal" => signal)
}

/// Spans and records that were lost.
#[cfg(feature = "otlp")]
pub(crate) fn dropped(signal: &'static str, reason: &'static str) -> Counter {
    counter!(DROPPED, "signal" => signal, "reason" => reason)
}
