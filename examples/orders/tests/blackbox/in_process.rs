//! The service inside the test: no socket, no file, and the log as values. The quickest way to test a route of your own.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use orders::{Service, Settings};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use underpin_database::DatabaseSettings;
use underpin_logger::Level;
use underpin_logger::testing::CaptureLogger;

/// Nothing here takes this long on a healthy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A service with a database in memory, on a port that nobody calls.
async fn service(log: &CaptureLogger) -> Service {
    let mut settings = Settings::default();
    settings.http.port = 0;
    settings.database = DatabaseSettings::new("sqlite::memory:");
    Service::start(&settings, Arc::new(log.clone())).await.unwrap()
}

async fn call(routes: &Router, method: &str, path: &str, body: &Value) -> (u16, Value) {
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
async fn an_order_goes_through_the_whole_service() {
    let log = CaptureLogger::new();
    let service = service(&log).await;
    let routes = service.routes();
    let tea = json!({"customer": "ada", "items": [{"sku": "tea", "quantity": 2, "unit_price_cents": 350}]});
    let (status, order) = call(&routes, "POST", "/orders", &tea).await;
    assert_eq!((status, &order["total_cents"]), (201, &json!(700)));
    let (status, found) =
        call(&routes, "GET", &format!("/orders/{}", order["id"].as_str().unwrap()), &Value::Null).await;
    assert_eq!((status, found), (200, order));

    let counted = || log.entries().into_iter().find(|entry| entry.msg == "order counted");
    let wait = async {
        while counted().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        "the test is over"
    };
    service.run(async { tokio::time::timeout(LIMIT, wait).await.unwrap() }).await;
    assert_eq!(log.assert_logged(Level::Info, "order placed").request_id(), Some("in-process"));
    assert_eq!(counted().unwrap().request_id(), Some("in-process"));
    log.assert_not_logged(Level::Warn);
}

#[tokio::test]
async fn a_refusal_is_logged_once_with_its_code() {
    let log = CaptureLogger::new();
    let service = service(&log).await;
    let (status, problem) =
        call(&service.routes(), "POST", "/orders", &json!({"customer": "ada", "items": []})).await;
    assert_eq!(
        (status, &problem["code"], &problem["request_id"]),
        (400, &json!("INVALID_ORDER"), &json!("in-process"))
    );
    let refusals: Vec<_> =
        log.entries().into_iter().filter(|entry| entry.tag("error_code") == Some("INVALID_ORDER")).collect();
    assert_eq!(refusals.len(), 1, "{log}");
    assert_eq!(refusals[0].request_id(), Some("in-process"));
    service.run(async { "the test is over" }).await;
}
