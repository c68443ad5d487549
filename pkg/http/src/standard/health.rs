use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::get;

use crate::ServingStatus;

/// A route that shows the status of the service in one word.
pub(super) fn health(path: &str, status: Arc<dyn ServingStatus>) -> Router {
    let respond = async move || {
        let code = if status.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
        (code, headers, format!(r#"{{"status":"{}"}}"#, status.word()))
    };
    Router::new().route(path, get(respond))
}
