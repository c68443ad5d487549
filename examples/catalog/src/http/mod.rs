//! The HTTP API. `openapi.json` is made of the same routes, so none is missing from it.

mod products;

use std::sync::Arc;

use axum::Router;
use underpin_errors::axum::{method_not_allowed, route_not_found};
use underpin_logger::Logger;
use underpin_service::http::Standard;
use underpin_service::http::openapi::swagger_ui;
use underpin_service::{Gate, HttpSettings};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Products;

/// The head of the document.
#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "catalog",
    description = "Products, with a cache before them and an audit trail behind them"
))]
struct Document;

/// Every route of the service, with the standard layers around them.
pub(crate) fn router(
    products: Arc<Products>,
    settings: &HttpSettings,
    gate: Gate,
    log: Arc<dyn Logger>,
) -> Router {
    let layers = Standard::new(settings, log).health("/health/ready", gate);
    let (routes, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(products::list, products::create))
        .routes(routes!(products::read, products::update, products::delete))
        .routes(routes!(products::history))
        .split_for_parts();
    let routes = routes
        .with_state(products)
        .merge(swagger_ui(document))
        .fallback(route_not_found)
        .method_not_allowed_fallback(method_not_allowed);
    layers.apply(routes)
}
