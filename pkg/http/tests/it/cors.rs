use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tower_service::Service as _;
use underpin_config::ByteSize;
use underpin_errors::axum::route_not_found;
use underpin_http::{CorsSettings, HttpSettings, Standard};
use underpin_logger::NoopLogger;

fn routes(cors: CorsSettings) -> Router {
    let routes = Router::new()
        .route("/", get(async || "hello"))
        .route("/body", post(async |body: Bytes| body.len().to_string()))
        .route("/panics", get(async || -> &'static str { panic!("on purpose") }))
        .route("/hangs", get(std::future::pending::<()>))
        .fallback(route_not_found);
    let limit = from_fn(|request: Request, next: Next| async move {
        match request.uri().path() {
            "/limited" => StatusCode::TOO_MANY_REQUESTS.into_response(),
            _ => next.run(request).await,
        }
    });
    let settings = HttpSettings::default()
        .cors(cors)
        .max_body(ByteSize::new(8))
        .request_timeout(Duration::from_millis(50));
    Standard::new(&settings, Arc::new(NoopLogger)).rate_limit(limit).apply(routes)
}

async fn call(
    routes: &Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &'static str,
) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    routes.clone().call(request.body(Body::from(body)).unwrap()).await.unwrap()
}

/// What a page cannot read, it cannot tell from a network failure: every response has the headers.
#[tokio::test]
async fn every_response_can_be_read_by_an_allowed_page_and_by_no_other() {
    let routes = routes(
        CorsSettings::default().origins(["https://a.example", "https://b.example"]).with_credentials(),
    );
    let cases = [
        ("GET", "/", "", 200),
        ("GET", "/nowhere", "", 404),
        ("DELETE", "/", "", 405),
        ("POST", "/body", "far too long", 413),
        ("GET", "/limited", "", 429),
        ("GET", "/panics", "", 500),
        ("GET", "/hangs", "", 504),
    ];
    for (method, path, body, status) in cases {
        for origin in ["https://a.example", "https://b.example"] {
            let response = call(&routes, method, path, &[("origin", origin)], body).await;
            assert_eq!(response.status(), status, "{path}");
            let headers = response.headers();
            assert_eq!(headers["access-control-allow-origin"], origin, "{path}");
            assert_eq!(headers["access-control-allow-credentials"], "true", "{path}");
            assert!(headers["access-control-expose-headers"].to_str().unwrap().contains("x-request-id"));
            assert_eq!(headers["vary"], "origin", "{path}");
            assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        }
        let foreign = call(&routes, method, path, &[("origin", "https://evil.example")], body).await;
        assert_eq!(foreign.status(), status, "CORS rejects nothing");
        assert!(!foreign.headers().contains_key("access-control-allow-origin"), "{path}");
        assert_eq!(foreign.headers()["vary"], "origin");
    }
}

#[tokio::test]
async fn a_preflight_is_answered_without_the_route() {
    let allowed = routes(CorsSettings::default().origins(["https://a.example"]));
    let asks = [("origin", "https://a.example"), ("access-control-request-method", "POST")];
    for path in ["/", "/panics", "/limited", "/nowhere"] {
        let response = call(&allowed, "OPTIONS", path, &asks, "").await;
        assert_eq!(response.status(), 204, "{path}");
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], "https://a.example");
        assert!(headers["access-control-allow-methods"].to_str().unwrap().contains("POST"));
        assert!(headers["access-control-allow-headers"].to_str().unwrap().contains("content-type"));
        assert_eq!(headers["access-control-max-age"], "600");
        assert_eq!(headers.get_all("vary").iter().count(), 3);
    }
    let foreign = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
    let response = call(&allowed, "OPTIONS", "/", &foreign, "").await;
    assert!(!response.headers().contains_key("access-control-allow-methods"));
    // OPTIONS without the question is an ordinary request.
    assert_eq!(call(&allowed, "OPTIONS", "/", &[("origin", "https://a.example")], "").await.status(), 405);
}

#[tokio::test]
async fn a_wildcard_needs_no_vary_and_no_origins_means_no_headers() {
    let any = routes(CorsSettings::default().origins(["*"]));
    let response = call(&any, "GET", "/", &[("origin", "https://any.example")], "").await;
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert!(!response.headers().contains_key("vary"));
    let none = routes(CorsSettings::default());
    let response = call(&none, "GET", "/", &[("origin", "https://any.example")], "").await;
    assert!(!response.headers().contains_key("access-control-allow-origin"));
    assert!(!response.headers().contains_key("vary"));
}
