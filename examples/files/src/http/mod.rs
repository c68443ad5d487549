//! The HTTP API. `openapi.json` is made of the same routes, so none is missing from it.

mod download;
mod files;
mod range;
mod uploads;
mod user_settings;

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::map_response;
use axum::response::Response;
use serde::Serialize;
use underpin_errors::Error;
use underpin_errors::axum::{method_not_allowed, route_not_found};
use underpin_logger::Logger;
use underpin_rpc::Caller;
use underpin_service::http::Standard;
use underpin_service::{Gate, HttpSettings};
use utoipa::openapi::OpenApi;
use utoipa::{OpenApi as _, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;
use uuid::Uuid;

use crate::file::{self, Files};

/// The state that requests share.
pub(crate) struct App {
    pub(crate) files: Arc<Files>,
    pub(crate) caller: Arc<dyn Caller>,
    pub(crate) gate: Gate,
    pub(crate) log: Arc<dyn Logger>,
}

/// An error, as RFC 9457 describes it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Problem {
    title: String,
    status: u16,
    detail: String,
    code: String,
    request_id: String,
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
        .merge(swagger(document))
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

/// Swagger UI styles its elements inline.
const SWAGGER_POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/// Swagger UI at `/docs`, from the binary.
fn swagger(document: OpenApi) -> Router {
    let routes: Router = SwaggerUi::new("/docs").url("/openapi.json", document).into();
    routes.layer(map_response(async |mut response: Response| {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SWAGGER_POLICY));
        response
    }))
}

/// Ids are opaque to callers: what is no id is no file.
fn parse(id: &str) -> Result<Uuid, Error> {
    id.parse().map_err(|_| file::missing())
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
