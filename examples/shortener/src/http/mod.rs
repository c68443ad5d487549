//! The HTTP API. `openapi.json` is made of the same routes, so none is missing from it.

mod events;
mod links;
mod stats;

use std::sync::Arc;

use axum::Router;
use underpin_errors::axum::{method_not_allowed, route_not_found};
use underpin_logger::Logger;
use underpin_service::http::openapi::swagger_ui;
use underpin_service::http::{Page, Standard};
use underpin_service::{Gate, HttpSettings};
use utoipa::OpenApi as _;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use crate::limit::{Limits, Operation};
use crate::shortener::Shortener;

/// The state that requests share.
pub(crate) struct App {
    pub(crate) shortener: Arc<Shortener>,
    pub(crate) gate: Gate,
    pub(crate) log: Arc<dyn Logger>,
}

/// The head of the document.
#[derive(utoipa::OpenApi)]
#[openapi(info(title = "shortener", description = "Short links, their clicks, and limits"))]
struct Document;

/// Every route of the service, with the standard layers around them.
pub(crate) fn router(app: Arc<App>, limits: &Limits, settings: &HttpSettings) -> Router {
    let layers = Standard::new(settings, Arc::clone(&app.log)).health("/health/ready", app.gate.clone());
    let (routes, document) = api(limits).split_for_parts();
    let routes = routes
        .with_state(app)
        .merge(page().routes())
        .merge(swagger_ui(document))
        .fallback(route_not_found)
        .method_not_allowed_fallback(method_not_allowed);
    layers.apply(routes)
}

fn api(limits: &Limits) -> OpenApiRouter<Arc<App>> {
    let limited = |operation: Operation, routes: UtoipaMethodRouter<Arc<App>>| {
        // The layer added last is the outer one. CORS lies outside of both: a refusal has its headers, and a preflight takes nothing.
        OpenApiRouter::new()
            .routes(routes)
            .route_layer(limits.all_requests())
            .route_layer(limits.requests(operation))
    };
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(limited(Operation::Create, routes!(links::shorten)))
        .merge(limited(Operation::Redirect, routes!(links::redirect)))
        .merge(limited(Operation::Read, routes!(stats::list)))
        .merge(limited(Operation::Read, routes!(stats::read)))
        .merge(limited(Operation::Read, routes!(events::watch)))
}

/// The page that shows the newest links.
fn page() -> Page {
    Page::new(include_str!("../../assets/page.html"))
        .script("/page.js", include_str!("../../assets/page.js"))
        .style("/page.css", include_str!("../../assets/page.css"))
}
