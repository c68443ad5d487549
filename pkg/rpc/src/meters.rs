//! The metrics of this crate.

use std::sync::Arc;

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};
use tokio::time::Instant;
use underpin_logger::Handles;

const REQUESTS: &str = "underpin_rpc_requests_total";
const REQUEST_SECONDS: &str = "underpin_rpc_request_seconds";
const IN_FLIGHT: &str = "underpin_rpc_requests_in_flight";
const UNANSWERED: &str = "underpin_rpc_unanswered_total";
pub(crate) const CALLS: &str = "underpin_rpc_calls_total";
pub(crate) const CALL_SECONDS: &str = "underpin_rpc_call_seconds";
const RETRIES: &str = "underpin_rpc_retries_total";

/// Describes the metrics of this crate to the installed exporter. Call it after the exporter is installed.
///
/// # Examples
/// ```
/// // metrics_exporter_prometheus::PrometheusBuilder::new().install()?;
/// underpin_rpc::describe_metrics();
/// ```
pub fn describe_metrics() {
    describe_counter!(
        REQUESTS,
        "Requests that a service answered, by service, endpoint and outcome (OK or the kind of error)."
    );
    describe_histogram!(REQUEST_SECONDS, Unit::Seconds, "How long handlers took, by service and endpoint.");
    describe_gauge!(IN_FLIGHT, "Requests that are being handled, by service and endpoint.");
    describe_counter!(
        UNANSWERED,
        "Replies that could not be sent because there was no connection, by service and endpoint."
    );
    describe_counter!(CALLS, "Calls to services, by subject and outcome.");
    describe_histogram!(CALL_SECONDS, Unit::Seconds, "How long calls took, retries included, by subject.");
    describe_counter!(RETRIES, "Attempts after the first of idempotent calls.");
}

/// The metrics of one endpoint.
#[derive(Debug)]
pub(crate) struct EndpointMeters {
    service: Arc<str>,
    endpoint: Arc<str>,
    handles: Handles<EndpointHandles>,
}

/// What every request touches.
pub(crate) struct EndpointHandles {
    pub(crate) ok: Counter,
    pub(crate) seconds: Histogram,
    pub(crate) in_flight: Gauge,
}

impl EndpointMeters {
    pub(crate) fn new(service: &str, endpoint: &str) -> Self {
        Self { service: service.into(), endpoint: endpoint.into(), handles: Handles::new() }
    }

    pub(crate) fn with(&self, now: Instant, work: impl FnOnce(&EndpointHandles)) {
        let register = || {
            let labels = [("service", Arc::clone(&self.service)), ("endpoint", Arc::clone(&self.endpoint))];
            EndpointHandles {
                ok: self.answered("OK"),
                seconds: histogram!(REQUEST_SECONDS, &labels),
                in_flight: gauge!(IN_FLIGHT, &labels),
            }
        };
        self.handles.with(now.into_std(), register, work);
    }

    pub(crate) fn answered(&self, outcome: &'static str) -> Counter {
        let (service, endpoint) = (Arc::clone(&self.service), Arc::clone(&self.endpoint));
        counter!(REQUESTS, "service" => service, "endpoint" => endpoint, "outcome" => outcome)
    }

    #[cfg(feature = "nats")]
    pub(crate) fn unanswered(&self) {
        let (service, endpoint) = (Arc::clone(&self.service), Arc::clone(&self.endpoint));
        counter!(UNANSWERED, "service" => service, "endpoint" => endpoint).increment(1);
    }
}

pub(crate) fn retried() {
    counter!(RETRIES).increment(1);
}
