use std::time::Duration;

use metrics::{Gauge, SharedString, Unit, describe_gauge, describe_histogram};

use crate::panics;

const DURATION: &str = "rpc_server_duration_seconds";
const ACTIVE: &str = "rpc_server_active_calls";

pub(super) fn describe() {
    panics::describe();
    describe_histogram!(DURATION, Unit::Seconds, "Time of a call to its end, by method and status code");
    describe_gauge!(ACTIVE, Unit::Count, "Calls that have not ended");
}

/// The method is that of a route: a client that makes up others reaches none.
pub(super) fn call(method: &str, code: &'static str, took: Duration) {
    let method = SharedString::from_owned(method.to_owned());
    metrics::histogram!(DURATION, "rpc_method" => method, "rpc_grpc_status_code" => code)
        .record(took.as_secs_f64());
}

pub(super) fn active() -> Gauge {
    metrics::gauge!(ACTIVE)
}
