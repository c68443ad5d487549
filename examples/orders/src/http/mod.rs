//! The HTTP API: routes, and the layers around them.

mod input;
mod orders;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use underpin_errors::axum::{method_not_allowed, route_not_found};
use underpin_service::http::Standard;
use underpin_service::{Gate, HttpSettings};

use crate::app::App;

/// Every route of the service, with the standard layers around them.
pub(crate) fn router(app: Arc<App>, settings: &HttpSettings, gate: Gate) -> Router {
    let layers = Standard::new(settings, Arc::clone(&app.log)).health("/health/ready", gate);
    let routes = Router::new()
        .route("/orders", get(orders::list).post(orders::place))
        .route("/orders/{id}", get(orders::get))
        .route("/stats", get(orders::stats))
        .fallback(route_not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app);
    layers.apply(routes)
}
