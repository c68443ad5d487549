//! An OpenAPI document of `utoipa` as routes, and the schema of errors in it (feature `openapi`).

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::middleware::map_response;
use axum::response::Response;
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

/// Swagger UI styles its elements inline.
const POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/// Swagger UI at `/docs` and the document at `/openapi.json`. Both are in the binary: no request leaves the machine, neither when it is built
/// nor in the browser.
///
/// # Examples
/// ```
/// use axum::Router;
/// use underpin_http::openapi::swagger_ui;
/// use utoipa::OpenApi;
///
/// #[derive(OpenApi)]
/// #[openapi(info(title = "orders"))]
/// struct Document;
///
/// let routes: Router = Router::new().merge(swagger_ui(Document::openapi()));
/// ```
pub fn swagger_ui<S: Clone + Send + Sync + 'static>(document: OpenApi) -> Router<S> {
    let routes: Router<S> = SwaggerUi::new("/docs").url("/openapi.json", document).into();
    routes.layer(map_response(async |mut response: Response| {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        response
    }))
}

/// An error, as RFC 9457 describes it: the schema of what [`underpin_errors::Problem`] sends, for documents.
///
/// ```
/// use underpin_http::openapi::Problem;
///
/// #[utoipa::path(get, path = "/orders/{id}", responses((status = 200), (status = 404, body = Problem)))]
/// async fn order() {}
/// # #[derive(utoipa::OpenApi)]
/// # #[openapi(paths(order))]
/// # struct Document;
/// # let document = serde_json::to_value(<Document as utoipa::OpenApi>::openapi()).unwrap();
/// # let required = &document["components"]["schemas"]["Problem"]["required"];
/// # assert_eq!(required, &serde_json::json!(["type", "title", "status", "detail", "code"]));
/// ```
#[derive(Debug, ToSchema)]
#[non_exhaustive]
pub struct Problem {
    /// A URI that names the class of problem; `about:blank` says that the status is the class.
    #[schema(rename = "type")]
    pub type_uri: String,
    /// The same for every problem of this class.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The stable machine code.
    pub code: String,
    /// What is wrong with the request, place by place.
    pub errors: Option<Vec<Violation>>,
    /// The id of the request, which is also in `x-request-id`.
    pub request_id: Option<String>,
    /// Seconds to wait before another try, which are also in `Retry-After`.
    pub retry_after: Option<u64>,
}

/// One thing that is wrong with a request, and where. One of the three places is there.
#[derive(Debug, ToSchema)]
#[non_exhaustive]
pub struct Violation {
    /// What is wrong.
    pub detail: String,
    /// In the body: a JSON pointer as a URI fragment, such as `#/items/0/quantity`.
    pub pointer: Option<String>,
    /// In a parameter of the query or of the path.
    pub parameter: Option<String>,
    /// In a header.
    pub header: Option<String>,
}
