//! The whole service inside of the test: SQLite and the bus in memory, no socket, the log as values.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use service::{Service, Settings};
use tower::ServiceExt as _;
use underpin_database::DatabaseSettings;
use underpin_logger::Level;
use underpin_logger::testing::CaptureLogger;

async fn service(log: &CaptureLogger) -> Service {
    let mut settings = Settings::default();
    settings.http.port = 0;
    settings.database = DatabaseSettings::new("sqlite::memory:");
    Service::start(&settings, Arc::new(log.clone())).await.unwrap()
}

async fn call(routes: &Router, method: &str, path: &str, body: Value) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .header("x-request-id", "in-process")
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = routes.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_note_is_kept_and_counted_under_one_request_id() {
    let log = CaptureLogger::new();
    let service = service(&log).await;
    let routes = service.routes();
    let (status, note) = call(&routes, "POST", "/notes", json!({"text": "hello"})).await;
    assert_eq!((status, &note["text"]), (201, &json!("hello")));
    let path = format!("/notes/{}", note["id"].as_str().unwrap());
    assert_eq!(call(&routes, "GET", &path, Value::Null).await, (200, note));

    let counted = async {
        while call(&routes, "GET", "/notes/count", Value::Null).await != (200, json!({"notes": 1})) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), counted).await.expect("the note is counted");
    let (status, health) = call(&routes, "GET", "/health/ready", Value::Null).await;
    assert_eq!((status, &health["status"]), (200, &json!("up")), "{health}");

    service.run(async { "the test is over" }).await;
    for message in ["note added", "note counted"] {
        assert_eq!(log.assert_logged(Level::Info, message).request_id(), Some("in-process"));
    }
    log.assert_logged(Level::Info, "stopped");
    log.assert_not_logged(Level::Warn);
}

#[tokio::test]
async fn nonsense_is_a_problem_that_names_the_field() {
    let log = CaptureLogger::new();
    let service = service(&log).await;
    let routes = service.routes();
    let (status, problem) = call(&routes, "POST", "/notes", json!({"text": " "})).await;
    assert_eq!((status, &problem["code"]), (400, &json!("NOTE_EMPTY")));
    assert_eq!(problem["errors"][0]["pointer"], "#/text");
    assert_eq!(problem["request_id"], "in-process");
    let (status, problem) = call(&routes, "GET", "/notes/none", Value::Null).await;
    assert_eq!((status, &problem["code"]), (404, &json!("NOTE_NOT_FOUND")));
    service.run(async { "the test is over" }).await;
}
