use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::header::ORIGIN;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use underpin_errors::Error;
use underpin_errors::axum::attach_request_id;
use underpin_logger::Context;
use underpin_logger::tower::Route;

use super::cors::Cors;
use super::headers::SecurityHeaders;
use super::meters::{self, Labels};
use super::route_state::RouteState;
use crate::HttpSettings;

/// Metrics, security headers, CORS, and the request id in problems.
pub(super) struct Edge {
    headers: SecurityHeaders,
    cors: Option<Cors>,
}

/// What the edge noted of a request.
pub(super) struct Observed {
    method: &'static str,
    /// If it is not that of the [`RouteState`].
    other_route: Option<MatchedPath>,
    origin: Option<HeaderValue>,
    is_preflight: bool,
    is_traced: bool,
}

impl Edge {
    pub(super) fn new(settings: &HttpSettings) -> Self {
        Self { headers: SecurityHeaders::new(settings.hsts), cors: Cors::new(&settings.cors) }
    }

    /// Begins with a request. A preflight is answered here.
    pub(super) fn open(&self, request: &Request, state: &RouteState) -> (Observed, Option<Response>) {
        let cors = self.cors.as_ref();
        let preflight = cors.and_then(|cors| cors.preflight(request));
        let observed = Observed {
            method: meters::method_label(request.method()),
            other_route: state.other_route(request.extensions().get()),
            origin: cors.and_then(|_| request.headers().get(ORIGIN).cloned()),
            is_preflight: preflight.is_some(),
            is_traced: request.extensions().get().is_some_and(Context::is_recorded),
        };
        (observed, preflight)
    }

    /// Ends with the response to a request that `started` then.
    pub(super) fn close(
        &self,
        observed: &Observed,
        state: &RouteState,
        started: Instant,
        mut response: Response,
    ) -> Response {
        let headers = response.headers_mut();
        self.headers.reserve(headers);
        if let Some(cors) = self.cors.as_ref().filter(|_| !observed.is_preflight) {
            cors.put(observed.origin.as_ref(), headers);
        }
        self.headers.put(headers);
        let error = response.extensions().get::<Arc<Error>>().map(|error| error.error_code());
        observed.record(state, started, Some(response.status()), error.unwrap_or_default());
        if observed.is_traced
            && let Some(route) = observed.route(state)
        {
            response.extensions_mut().insert(Route::new(route));
        }
        if response.status().is_client_error() || response.status().is_server_error() {
            response = with_request_id(response);
        }
        response
    }
}

/// Writes the request id into a problem, where a client finds it without the headers.
fn with_request_id(response: Response) -> Response {
    let id = Context::current().request_id().map(|id| id.as_str().to_owned());
    match id {
        Some(id) => attach_request_id(response, id),
        None => response,
    }
}

impl Observed {
    /// Records a request without a response: its client went away, or a layer panicked.
    pub(super) fn cancelled(&self, state: &RouteState, started: Instant) {
        self.record(state, started, None, "cancelled");
    }

    fn record(&self, state: &RouteState, started: Instant, status: Option<StatusCode>, error: &str) {
        let now = Instant::now();
        let took = now.duration_since(started);
        let labels = Labels { method: self.method, status, error };
        let route = self.route(state).unwrap_or("unmatched");
        if self.other_route.is_some() {
            return meters::duration(route, labels).record(took);
        }
        state.durations.with(now, Default::default, |durations| durations.record(route, labels, took));
    }

    /// The template of the route that matched.
    fn route<'a>(&'a self, state: &'a RouteState) -> Option<&'a str> {
        self.other_route.as_ref().map(MatchedPath::as_str).or_else(|| state.route())
    }
}
