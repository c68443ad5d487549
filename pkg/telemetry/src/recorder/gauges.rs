//! Gauges that are read, not recorded: of the process and of tokio.

use metrics::{counter, gauge};
use tokio::runtime::Handle;

use super::process::ProcessStats;

/// Sets the gauges of the process, as far as the system tells.
pub(super) fn process() {
    let stats = ProcessStats::read();
    if let Some(seconds) = stats.cpu_seconds {
        counter!("process_cpu_seconds_total").absolute(seconds);
    }
    let known = [
        ("process_resident_memory_bytes", stats.resident_bytes),
        ("process_open_fds", stats.open_fds),
        ("process_max_fds", stats.max_fds),
        ("process_threads", stats.threads),
        ("process_start_time_seconds", stats.started_at),
    ];
    for (name, value) in known {
        if let Some(value) = value {
            gauge!(name).set(value);
        }
    }
}

/// Sets the gauges of a runtime.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats; these numbers are far below 2^53")]
pub(super) fn runtime(runtime: &Handle) {
    let stats = runtime.metrics();
    gauge!("tokio_workers").set(stats.num_workers() as f64);
    gauge!("tokio_alive_tasks").set(stats.num_alive_tasks() as f64);
    gauge!("tokio_global_queue_depth").set(stats.global_queue_depth() as f64);
}
