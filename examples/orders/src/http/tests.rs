use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use serde_json::Value;
use tower::ServiceExt as _;
use underpin_logger::Level;
use underpin_logger::testing::CaptureLogger;

use underpin_service::HttpSettings;
use underpin_service::http::standard;

/// The layers of the service around routes that misbehave.
fn service(log: &CaptureLogger) -> Router {
    let settings = HttpSettings::default().request_timeout(Duration::from_millis(50));
    let routes = Router::new()
        .route("/panic", get(|| async { panic!("secret of the panic") as () }))
        .route("/hang", get(std::future::pending::<()>))
        .route("/read", post(async |_: Bytes| ()));
    standard(routes, &settings, std::sync::Arc::new(log.clone()))
}

async fn call(service: &Router, path: &str) -> (StatusCode, Value) {
    send(service, Request::get(path).body(Body::empty()).unwrap()).await
}

async fn send(service: &Router, mut request: Request<Body>) -> (StatusCode, Value) {
    request.headers_mut().insert("x-request-id", "req-1".parse().unwrap());
    let response = service.clone().oneshot(request).await.unwrap();
    let status = response.status();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_panic_is_a_500_that_tells_the_caller_nothing_and_the_log_everything() {
    let log = CaptureLogger::new();
    let service = service(&log);
    for _ in 0..2 {
        let (status, problem) = call(&service, "/panic").await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(problem["request_id"], "req-1");
        assert!(!problem.to_string().contains("secret"), "{problem}");
    }
    let errors: Vec<_> = log.entries().into_iter().filter(|entry| entry.level == Level::Error).collect();
    assert_eq!(errors.len(), 2, "each is logged once: {log}");
    assert!(errors[0].error.concat().contains("secret of the panic"), "{log}");
    assert_eq!(errors[0].request_id(), Some("req-1"));
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let log = CaptureLogger::new();
    let (status, problem) = call(&service(&log), "/hang").await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::GATEWAY_TIMEOUT, Some("DEADLINE_EXCEEDED")));
    assert_eq!(problem["request_id"], "req-1");
}

/// A body of which nothing arrives.
struct SlowBody;

impl HttpBody for SlowBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test]
async fn a_slow_body_is_the_callers_fault() {
    let log = CaptureLogger::new();
    let request = Request::post("/read").body(Body::new(SlowBody)).unwrap();
    let (status, problem) = send(&service(&log), request).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::REQUEST_TIMEOUT, Some("REQUEST_TIMEOUT")));
    assert_eq!(log.assert_logged(Level::Info, "request").request_id(), Some("req-1"));
    log.assert_not_logged(Level::Error);
}
