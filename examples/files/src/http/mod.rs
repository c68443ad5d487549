//! The HTTP API. `openapi.json` is made of the same routes, so none is missing from it.

mod download;
mod files;
mod range;
mod uploads;
mod user_settings;

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use underpin_errors::Error;
use underpin_errors::axum::{method_not_allowed, route_not_found};
use underpin_logger::Logger;
use underpin_rpc::Caller;
use underpin_service::http::Standard;
use underpin_service::http::openapi::swagger_ui;
use underpin_service::{Gate, HttpSettings};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::file::{self, Files};

/// The state that requests share.
pub(crate) struct App {
    pub(crate) files: Arc<Files>,
    pub(crate) caller: Arc<dyn Caller>,
    pub(crate) gate: Gate,
    pub(crate) log: Arc<dyn Logger>,
}

/// The head of the document.
#[derive(utoipa::OpenApi)]
#[openapi(info(title = "files", description = "Files, signed links, and the settings of users"))]
struct Document;

/// Every route of the service, with the standard layers around them.
pub(crate) fn router(app: Arc<App>, settings: &HttpSettings) -> Router {
    let layers = Standard::new(settings, Arc::clone(&app.log)).health("/health/ready", app.gate.clone());
    let (routes, document) = api().split_for_parts();
    let routes = routes
        .with_state(app)
        .merge(swagger_ui(document))
        .fallback(route_not_found)
        .method_not_allowed_fallback(method_not_allowed);
    layers.apply(routes)
}

fn api() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(files::list, files::upload))
        .routes(routes!(download::read, files::delete))
        .routes(routes!(uploads::initiate))
        .routes(routes!(uploads::receive))
        .routes(routes!(uploads::complete))
        .routes(routes!(user_settings::read, user_settings::save))
        .routes(routes!(user_settings::archive))
}

/// Ids are opaque to callers: what is no id is no file.
fn parse(id: &str) -> Result<Uuid, Error> {
    id.parse().map_err(|_| file::missing())
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
