use std::time::Duration;

use axum::extract::MatchedPath;
use axum::http::{Method, StatusCode};
use metrics::{Gauge, SharedString, Unit, counter, describe_counter, describe_gauge, describe_histogram};

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

/// One request that was answered, or, without a status, whose client went away.
pub(super) fn request(
    method: &'static str,
    route: Option<&MatchedPath>,
    status: Option<StatusCode>,
    error: Option<&str>,
    took: Duration,
) {
    let route = route.map_or(SharedString::const_str("unmatched"), |route| {
        SharedString::from_owned(route.as_str().to_owned())
    });
    let status = status.map_or(SharedString::const_str("499"), status_label);
    let error = error.map_or(SharedString::const_str(""), |code| SharedString::from_owned(code.to_owned()));
    metrics::histogram!(
        DURATION,
        "http_request_method" => method,
        "http_route" => route,
        "http_response_status_code" => status,
        "error_type" => error
    )
    .record(took.as_secs_f64());
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

fn status_label(status: StatusCode) -> SharedString {
    SharedString::const_str(match status.as_u16() {
        200 => "200",
        201 => "201",
        202 => "202",
        204 => "204",
        400 => "400",
        401 => "401",
        404 => "404",
        500 => "500",
        503 => "503",
        _ => return SharedString::from_owned(status.as_str().to_owned()),
    })
}
