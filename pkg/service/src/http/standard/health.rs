use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::get;

use crate::{Gate, ServiceState};

/// A route that shows the state of the service in one word.
pub(super) fn health(path: &str, gate: Gate) -> Router {
    let answer = async move || {
        let state = gate.state();
        let status = match state {
            ServiceState::Ready => StatusCode::OK,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
        (status, headers, format!(r#"{{"status":"{}"}}"#, state.as_str()))
    };
    Router::new().route(path, get(answer))
}
