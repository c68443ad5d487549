//! The HTTP API: routes, and the layers around them.

mod input;
mod orders;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use underpin_errors::axum::{method_not_allowed, panicked, route_not_found, stamp_request_id, time_limit};
use underpin_logger::Logger;
use underpin_logger::tower::RequestLayer;

use crate::app::App;
use crate::settings::HttpSettings;

/// Every route of the service.
pub(crate) fn router(app: Arc<App>, settings: &HttpSettings) -> Router {
    let log = Arc::clone(&app.log);
    let routes = Router::new()
        .route("/orders", get(orders::list).post(orders::place))
        .route("/orders/{id}", get(orders::get))
        .route("/stats", get(orders::stats))
        .fallback(route_not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app);
    around(routes, settings, log)
}

/// The layers of every request, from the inside out: the layer added last sees the request first.
fn around(routes: Router, settings: &HttpSettings, log: Arc<dyn Logger>) -> Router {
    routes
        .layer(DefaultBodyLimit::max(settings.max_body.as_usize()))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(settings.request_timeout, time_limit))
        .layer(RequestLayer::new(log))
        .layer(map_response(stamp_request_id))
}
