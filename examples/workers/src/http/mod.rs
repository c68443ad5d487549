//! The HTTP API. `openapi.json` is made of the same routes, so none is missing from it.

mod calls;
mod events;
mod jobs;
mod payments;

use std::sync::Arc;

use axum::Router;
use underpin_database::Pool;
use underpin_errors::axum::{method_not_allowed, route_not_found};
use underpin_jobs::Jobs;
use underpin_logger::Logger;
use underpin_outbox::Outbox;
use underpin_rpc::Caller;
use underpin_service::http::openapi::swagger_ui;
use underpin_service::http::{Page, Standard};
use underpin_service::{Gate, HttpSettings};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The state that requests share.
pub(crate) struct App {
    pub(crate) database: Pool,
    pub(crate) outbox: Outbox,
    pub(crate) jobs: Jobs,
    pub(crate) caller: Arc<dyn Caller>,
    pub(crate) gate: Gate,
    pub(crate) log: Arc<dyn Logger>,
}

/// The head of the document.
#[derive(utoipa::OpenApi)]
#[openapi(info(title = "workers", description = "Three ways to hand work over"))]
struct Document;

/// Every route of the service, with the standard layers around them.
pub(crate) fn router(app: Arc<App>, settings: &HttpSettings) -> Router {
    let layers = Standard::new(settings, Arc::clone(&app.log)).health("/health/ready", app.gate.clone());
    let (routes, document) = api().split_for_parts();
    let routes = routes
        .with_state(app)
        .merge(page().routes())
        .merge(swagger_ui(document))
        .fallback(route_not_found)
        .method_not_allowed_fallback(method_not_allowed);
    layers.apply(routes)
}

fn api() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(document())
        .routes(routes!(calls::calculate))
        .routes(routes!(calls::email))
        .routes(routes!(payments::create))
        .routes(routes!(payments::read))
        .routes(routes!(jobs::list, jobs::create))
        .routes(routes!(jobs::read, jobs::cancel))
        .routes(routes!(events::watch))
}

fn document() -> OpenApi {
    Document::openapi()
}

/// The page that shows jobs as they go.
fn page() -> Page {
    Page::new(include_str!("../../assets/page.html"))
        .script("/page.js", include_str!("../../assets/page.js"))
        .style("/page.css", include_str!("../../assets/page.css"))
}
