//! The page of the newest links. Its policy allows nothing but its own script and style.

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'none'; frame-ancestors 'none'";

/// `/` and what it loads.
pub(super) fn routes() -> Router {
    let html = include_str!("../../assets/page.html");
    let script = include_str!("../../assets/page.js");
    let style = include_str!("../../assets/page.css");
    Router::new()
        .route("/", get(async move || (head("text/html; charset=utf-8"), html)))
        .route("/page.js", get(async move || (head("text/javascript; charset=utf-8"), script)))
        .route("/page.css", get(async move || (head("text/css; charset=utf-8"), style)))
}

/// Swagger UI styles its elements inline.
const SWAGGER_POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/// Swagger UI at `/docs`, from the binary.
pub(super) fn swagger(document: OpenApi) -> Router {
    let routes: Router = SwaggerUi::new("/docs").url("/openapi.json", document).into();
    routes.layer(map_response(async |mut response: Response| {
        let policy = HeaderValue::from_static(SWAGGER_POLICY);
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
        response
    }))
}

fn head(content_type: &'static str) -> [(HeaderName, &'static str); 2] {
    [(CONTENT_TYPE, content_type), (CONTENT_SECURITY_POLICY, POLICY)]
}
