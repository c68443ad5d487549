use axum::http::{Method, StatusCode};
use metrics::{Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram};

use crate::panics;

const DURATION: &str = "http_server_request_duration_seconds";
const ACTIVE: &str = "http_server_active_requests";
const SHED: &str = "underpin_http_requests_shed_total";

pub(super) fn describe() {
    panics::describe();
    describe_histogram!(
        DURATION,
        Unit::Seconds,
        "Time until the head of the response, by method, route, status and error code"
    );
    describe_gauge!(ACTIVE, Unit::Count, "Requests whose response is not complete");
    describe_counter!(SHED, "Requests that were refused because too many were in flight");
}

/// One series of the duration of requests, beside its route.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Labels<'a> {
    pub(super) method: &'static str,
    /// None if the client went away.
    pub(super) status: Option<StatusCode>,
    pub(super) error: &'a str,
}

/// The series of a route.
pub(super) fn duration(route: &str, labels: Labels<'_>) -> Histogram {
    let Labels { method, status, error } = labels;
    metrics::histogram!(
        DURATION,
        "http_request_method" => method,
        "http_route" => route.to_owned(),
        "http_response_status_code" => status.map_or("499".to_owned(), |status| status.as_str().to_owned()),
        "error_type" => error.to_owned()
    )
}

pub(super) fn active() -> Gauge {
    metrics::gauge!(ACTIVE)
}

pub(super) fn shed() {
    counter!(SHED).increment(1);
}

/// The method, or `_OTHER`: a client chooses what it sends, and must not choose the number of series.
pub(super) fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}
