//! The names of the metrics. Handles are resolved when a value is recorded, so that an exporter may be installed at any time.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, histogram};

pub(crate) const STATE: &str = "underpin_service_state";
const START: &str = "underpin_service_start_seconds";
const STOP: &str = "underpin_service_stop_seconds";
const CUT: &str = "underpin_service_stop_cut_total";
const RESTARTS: &str = "underpin_service_task_restarts_total";
const RELOADS: &str = "underpin_service_reloads_total";
const PANICS: &str = "underpin_service_panics_total";

/// Registers the help texts. [`run`](crate::run) calls it before the first component is opened.
pub(crate) fn describe() {
    describe_gauge!(STATE, "State of the service: 0 starting, 1 ready, 2 draining, 3 stopping, 4 stopped");
    describe_histogram!(START, Unit::Seconds, "Time from the start of the process's main to ready");
    describe_histogram!(STOP, Unit::Seconds, "Time that a component took to stop, by component");
    describe_counter!(CUT, "Components that were stopped with work left, by component");
    describe_counter!(RESTARTS, "Restarts of supervised tasks, by task");
    describe_counter!(
        RELOADS,
        "Reads of the settings after the start, by result: changed, unchanged, refused"
    );
    describe_counter!(PANICS, "Panics that were contained, by component or task");
}

pub(crate) fn started(took: Duration) {
    histogram!(START).record(took);
}

pub(crate) fn stopped(component: &str, took: Duration) {
    histogram!(STOP, "component" => component.to_owned()).record(took);
}

pub(crate) fn cut(component: &str) {
    counter!(CUT, "component" => component.to_owned()).increment(1);
}

pub(crate) fn restarted(task: &'static str) {
    counter!(RESTARTS, "task" => task).increment(1);
}

pub(crate) fn reloaded(result: &'static str) {
    counter!(RELOADS, "result" => result).increment(1);
}

pub(crate) fn panicked(place: &str) {
    counter!(PANICS, "component" => place.to_owned()).increment(1);
}
