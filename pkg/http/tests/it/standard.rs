use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::{FromRequestParts, Request};
use axum::http::{StatusCode, request::Parts};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use tower_service::Service as _;
use underpin_http::{CorsSettings, Drain, HttpSettings, Standard, standard};
use underpin_logger::testing::CaptureLogger;
use underpin_logger::{Context, Level, NoopLogger};

use super::support::Panicking;

async fn call(routes: &Router, request: Request) -> Response {
    routes.clone().call(request).await.unwrap()
}

fn request(path: &str) -> Request {
    Request::get(path).header("origin", "https://shop.example").body(Body::empty()).unwrap()
}

async fn text(response: Response) -> String {
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

fn settings() -> HttpSettings {
    HttpSettings::default().cors(CorsSettings::default().origins(["https://shop.example"]))
}

/// A layer that panics on `/NAME`, hangs on `/slow-NAME`, and otherwise says what it saw in a header.
macro_rules! probe {
    ($name:literal) => {
        from_fn(|request: Request, next: Next| async move {
            let path = request.uri().path().to_owned();
            assert!(path != concat!("/", $name), "panic in the probe");
            if path == concat!("/slow-", $name) {
                std::future::pending::<()>().await;
            }
            let has_context = request.extensions().get::<Context>().is_some();
            let mut response = next.run(request).await;
            let headers = response.headers();
            let seen = format!(
                "context={has_context} id={} secure={}",
                headers.contains_key("x-request-id"),
                headers.contains_key("x-content-type-options"),
            );
            response.headers_mut().insert(concat!("x-", $name), seen.parse().unwrap());
            response
        })
    };
}

/// Each place is where the table says, seen from what the layer there has before and after it.
#[tokio::test]
async fn the_layers_take_effect_in_the_documented_order() {
    let routes = Router::new().route("/{*rest}", get(async || "hello")).route("/", get(async || "hello"));
    let short = settings().request_timeout(Duration::from_millis(50));
    let routes = Standard::new(&short, Arc::new(NoopLogger))
        .outermost(probe!("outermost"))
        .before_limits(probe!("before"))
        .rate_limit(probe!("rate"))
        .innermost(probe!("innermost"))
        .apply(routes);
    let response = call(&routes, request("/")).await;
    let seen = |name: &str| response.headers()[name].to_str().unwrap();
    assert_eq!(seen("x-outermost"), "context=false id=true secure=true");
    for inside in ["x-before", "x-rate", "x-innermost"] {
        assert_eq!(seen(inside), "context=true id=false secure=false", "{inside}");
    }
    // Panics are contained, and time is limited, inside of the rate limit only.
    assert_eq!(call(&routes, request("/innermost")).await.status(), 500);
    assert_eq!(call(&routes, request("/slow-innermost")).await.status(), 504);
    for outside in ["rate", "before", "outermost"] {
        let (spawned, path) = (routes.clone(), format!("/{outside}"));
        let called = tokio::spawn(async move { call(&spawned, request(&path)).await });
        assert!(called.await.unwrap_err().is_panic(), "{outside}");
        let slow = request(&format!("/slow-{outside}"));
        let waited = tokio::time::timeout(Duration::from_millis(200), call(&routes, slow)).await;
        assert!(waited.is_err(), "{outside} is outside of the time limit");
    }
}

#[tokio::test]
async fn the_limit_sheds_after_the_outer_layers_and_before_the_rate_limit() {
    let counted = Arc::new([const { AtomicUsize::new(0) }; 2]);
    let count = |at: usize| {
        let counted = Arc::clone(&counted);
        from_fn(move |request: Request, next: Next| {
            counted[at].fetch_add(1, Ordering::Relaxed);
            next.run(request)
        })
    };
    let routes = Router::new().route("/", get(async || "hello")).with_state(());
    let routes = Standard::new(&settings().max_in_flight(1), Arc::new(NoopLogger))
        .before_limits(count(0))
        .rate_limit(count(1))
        .apply(routes);
    // The permit belongs to the body, which is not read yet.
    let held = call(&routes, request("/")).await;
    let shed = call(&routes, request("/")).await;
    assert_eq!(shed.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(shed.headers()["retry-after"], "1");
    assert_eq!(shed.headers()["access-control-allow-origin"], "https://shop.example");
    assert!(text(shed).await.contains("OVERLOADED"));
    assert_eq!(counted.each_ref().map(|count| count.load(Ordering::Relaxed)), [2, 1]);
    assert_eq!(text(held).await, "hello");
    assert_eq!(call(&routes, request("/")).await.status(), 200);
}

/// An extractor that panics.
struct Broken;

impl FromRequestParts<()> for Broken {
    type Rejection = StatusCode;

    async fn from_request_parts(_: &mut Parts, (): &()) -> Result<Self, StatusCode> {
        panic!("in the extractor")
    }
}

#[tokio::test]
async fn panics_are_contained_in_handler_extractor_and_body_and_logged_once() {
    let routes = Router::new()
        .route("/handler", get(async || -> &'static str { panic!("in the handler") }))
        .route("/extractor", get(async |_: Broken| "never"))
        .route("/body", get(async || Body::new(Panicking)));
    let log = CaptureLogger::new();
    let routes = standard(routes, &settings(), Arc::new(log.clone()));
    for (path, why) in [("/handler", "in the handler"), ("/extractor", "in the extractor")] {
        let response = call(&routes, request(path)).await;
        assert_eq!(response.status(), 500);
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body = text(response).await;
        assert!(body.contains(&id) && !body.contains(why), "{body}");
    }
    let mut response = call(&routes, request("/body")).await;
    assert_eq!(response.status(), 200);
    let frame = std::future::poll_fn(|cx| std::pin::Pin::new(response.body_mut()).poll_frame(cx)).await;
    assert!(frame.unwrap().is_err());
    log.assert_logged(Level::Error, "response body panicked");
    assert_eq!(log.entries().iter().filter(|entry| entry.level == Level::Error).count(), 3);
}

#[tokio::test]
async fn a_slow_client_gets_408_and_a_slow_handler_504() {
    let routes = Router::new()
        .route("/body", post(async |_: Bytes| "never"))
        .route("/slow", get(std::future::pending::<()>));
    let routes =
        standard(routes, &settings().request_timeout(Duration::from_millis(50)), Arc::new(NoopLogger));
    assert_eq!(call(&routes, request("/slow")).await.status(), 504);
    let never = Body::new(super::support::Never);
    let slow = Request::post("/body").body(never).unwrap();
    let response = call(&routes, slow).await;
    assert_eq!(response.status(), 408);
    assert_eq!(response.headers()["connection"], "close");
}

#[tokio::test]
async fn health_shows_a_word_and_is_outside_of_the_limit() {
    let drain = Drain::default();
    let routes = Router::new().route("/", get(async || "hello"));
    let standard = Standard::new(&settings().max_in_flight(1), Arc::new(NoopLogger));
    let routes = standard.health("/health", drain.clone()).apply(routes);
    let held = call(&routes, request("/")).await;
    let health = call(&routes, request("/health")).await;
    assert_eq!(health.status(), 200);
    assert_eq!(text(health).await, r#"{"status":"ready"}"#);
    drain.start();
    let health = call(&routes, request("/health")).await;
    assert_eq!(health.status(), 503);
    assert_eq!(text(health).await, r#"{"status":"draining"}"#);
    drop(held);
}

#[tokio::test]
async fn the_context_reaches_the_handler_and_the_state_of_a_layer_lasts() {
    let handler = async |Extension(ctx): Extension<Context>| ctx.request_id().unwrap().as_str().to_owned();
    let routes = standard(Router::new().route("/", get(handler)), &settings(), Arc::new(NoopLogger));
    let mut asked = request("/");
    asked.headers_mut().insert("x-request-id", "req-1".parse().unwrap());
    assert_eq!(text(call(&routes, asked).await).await, "req-1");
}
