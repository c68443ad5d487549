//! Requests that take too long, and responses that never end.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use tower::ServiceExt as _;
use underpin_errors::axum::{Json, plain_errors_to_problems, time_limit};

/// Some text, and then silence.
fn endless(text: &'static str) -> Body {
    Body::from_stream(stream::iter([Ok::<_, Infallible>(Bytes::from(text))]).chain(stream::pending()))
}

async fn call(request: Request<Body>) -> (StatusCode, Value, Option<String>) {
    let app: Router = Router::new()
        .route(
            "/hang",
            get(std::future::pending::<()>).post(async |Json(_): Json<Value>| {
                std::future::pending::<()>().await;
            }),
        )
        .route("/", post(async |Json(body): Json<Value>| Json(body)))
        .route(
            "/partly",
            post(async |body: Body| {
                let first = tokio::time::timeout(Duration::from_secs(1), to_bytes(body, 100)).await;
                assert!(first.is_err(), "the body does not end");
                std::future::pending::<()>().await;
            }),
        )
        .layer(from_fn_with_state(Duration::from_secs(5), time_limit));
    let response = app.oneshot(request).await.unwrap();
    let (status, connection) = (response.status(), response.headers().get("connection").cloned());
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let connection = connection.map(|value| value.to_str().unwrap().to_owned());
    (status, serde_json::from_slice(&body).unwrap(), connection)
}

fn post_json(path: &str, body: Body) -> Request<Body> {
    Request::post(path).header("content-type", "application/json").body(body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_is_504_and_a_slow_body_is_408() {
    let (status, problem, _) = call(Request::get("/hang").body(Body::empty()).unwrap()).await;
    assert_eq!((status.as_u16(), &problem["code"]), (504, &Value::from("DEADLINE_EXCEEDED")));
    // The body is there, and the handler is slow.
    let (status, ..) = call(post_json("/hang", Body::from("{}"))).await;
    assert_eq!(status, 504);

    // The handler has given up reading, and is slow.
    let (status, ..) = call(post_json("/partly", endless("{"))).await;
    assert_eq!(status, 504);

    let (status, problem, connection) = call(post_json("/", endless("{\"a\":"))).await;
    assert_eq!((status.as_u16(), &problem["code"]), (408, &Value::from("REQUEST_TIMEOUT")));
    assert_eq!(connection.as_deref(), Some("close"));
}

#[tokio::test(start_paused = true)]
async fn a_request_within_the_limit_passes() {
    let (status, body, connection) = call(post_json("/", Body::from("{\"a\":1}"))).await;
    assert_eq!((status.as_u16(), body, connection), (200, serde_json::json!({"a": 1}), None));
}

#[tokio::test(start_paused = true)]
async fn a_plain_error_that_streams_becomes_a_problem_without_its_text() {
    let plain =
        (StatusCode::BAD_GATEWAY, [("content-type", "text/plain")], endless("data: 0\n\n")).into_response();
    let answer = tokio::time::timeout(Duration::from_secs(5), plain_errors_to_problems(plain)).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    assert!(!String::from_utf8_lossy(&body).contains("data"));
}

#[tokio::test]
async fn a_stream_that_is_no_plain_error_passes_while_it_is_open() {
    for status in [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE] {
        let events =
            (status, [("content-type", "text/event-stream")], endless("data: 0\n\n")).into_response();
        let mut body = plain_errors_to_problems(events).await.into_body().into_data_stream();
        assert_eq!(body.next().await.unwrap().unwrap(), "data: 0\n\n");
    }
}
