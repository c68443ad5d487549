//! The metrics of this crate.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use underpin_errors::Classify;

use crate::error::RpcError;

const REQUESTS: &str = "underpin_rpc_requests_total";
const REQUEST_SECONDS: &str = "underpin_rpc_request_seconds";
const IN_FLIGHT: &str = "underpin_rpc_requests_in_flight";
const UNANSWERED: &str = "underpin_rpc_unanswered_total";
const CALLS: &str = "underpin_rpc_calls_total";
const CALL_SECONDS: &str = "underpin_rpc_call_seconds";
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

/// The labels of one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct EndpointMeters {
    service: Arc<str>,
    endpoint: Arc<str>,
}

impl EndpointMeters {
    pub(crate) fn new(service: &str, endpoint: &str) -> Self {
        Self { service: service.into(), endpoint: endpoint.into() }
    }

    pub(crate) fn answered(&self, outcome: &'static str) {
        let (service, endpoint) = (Arc::clone(&self.service), Arc::clone(&self.endpoint));
        counter!(REQUESTS, "service" => service, "endpoint" => endpoint, "outcome" => outcome).increment(1);
    }

    pub(crate) fn handled(&self, took: Duration) {
        let (service, endpoint) = (Arc::clone(&self.service), Arc::clone(&self.endpoint));
        histogram!(REQUEST_SECONDS, "service" => service, "endpoint" => endpoint).record(took);
    }

    #[cfg(feature = "nats")]
    pub(crate) fn unanswered(&self) {
        let (service, endpoint) = (Arc::clone(&self.service), Arc::clone(&self.endpoint));
        counter!(UNANSWERED, "service" => service, "endpoint" => endpoint).increment(1);
    }

    /// Counts a request as in flight until the guard is dropped.
    pub(crate) fn in_flight(&self) -> InFlight {
        let (service, endpoint) = (Arc::clone(&self.service), Arc::clone(&self.endpoint));
        let gauge = gauge!(IN_FLIGHT, "service" => service, "endpoint" => endpoint);
        gauge.increment(1.0);
        InFlight(gauge)
    }
}

pub(crate) struct InFlight(metrics::Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

pub(crate) fn called<T>(subject: Cow<'static, str>, result: &Result<T, RpcError>, took: Duration) {
    let outcome = result.as_ref().map_or_else(|error| error.kind().code(), |_| "OK");
    counter!(CALLS, "subject" => subject.clone(), "outcome" => outcome).increment(1);
    histogram!(CALL_SECONDS, "subject" => subject).record(took);
}

pub(crate) fn retried() {
    counter!(RETRIES).increment(1);
}
