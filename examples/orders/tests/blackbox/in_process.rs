//! The service inside the test: free ports, a database in memory, and the log as values.

use std::sync::Arc;
use std::time::Duration;

use orders::Settings;
use serde_json::{Value, json};
use underpin_database::DatabaseSettings;
use underpin_logger::Level;
use underpin_logger::testing::CaptureLogger;
use underpin_service::Ended;
use underpin_service::testing::{Running, TestService};
use underpin_testkit::eventually;

use super::support::{Exchange, Reply, tea};

/// Nothing here takes this long on a healthy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A service with a database in memory.
fn service(log: &CaptureLogger) -> TestService<Settings> {
    let mut settings = Settings::default();
    settings.http.port = 0;
    settings.database = DatabaseSettings::new("sqlite::memory:");
    TestService::new(settings).log(Arc::new(log.clone()))
}

async fn call(service: &Running<'_, Settings>, method: &'static str, path: &str, body: &Value) -> Reply {
    let (address, path, body) =
        (service.address("http").unwrap().to_string(), path.to_owned(), body.to_string());
    let exchange = move || {
        let headers = [("content-type", "application/json"), ("x-request-id", "in-process")];
        Exchange::begin(&address, method, &path, &headers, body.len()).finish(&body)
    };
    tokio::task::spawn_blocking(exchange).await.unwrap()
}

#[tokio::test]
async fn an_order_goes_through_the_whole_service() {
    let log = CaptureLogger::new();
    let counted = || log.entries().into_iter().find(|entry| entry.msg == "order counted");
    let ended = service(&log)
        .run(orders::build, async |service| {
            let placed = call(service, "POST", "/orders", &tea("ada")).await;
            let order = placed.json();
            assert_eq!((placed.status, &order["total_cents"]), (201, &json!(700)));
            let path = format!("/orders/{}", order["id"].as_str().unwrap());
            let found = call(service, "GET", &path, &Value::Null).await;
            assert_eq!((found.status, found.json()), (200, order));
            eventually(LIMIT, "the order is counted", || async { counted().is_some() }).await;
        })
        .await;
    assert!(matches!(&ended, Ended::Clean { cut } if cut.is_empty()), "{ended:?}");
    assert_eq!(log.assert_logged(Level::Info, "order placed").request_id(), Some("in-process"));
    assert_eq!(counted().unwrap().request_id(), Some("in-process"));
    log.assert_not_logged(Level::Warn);
}

#[tokio::test]
async fn a_refusal_is_logged_once_with_its_code() {
    let log = CaptureLogger::new();
    let ended = service(&log)
        .run(orders::build, async |service| {
            let refused = call(service, "POST", "/orders", &json!({"customer": "ada", "items": []})).await;
            let problem = refused.json();
            assert_eq!(
                (refused.status, &problem["code"], &problem["request_id"]),
                (400, &json!("INVALID_ORDER"), &json!("in-process"))
            );
        })
        .await;
    assert!(matches!(ended, Ended::Clean { .. }), "{ended:?}");
    let refusals: Vec<_> =
        log.entries().into_iter().filter(|entry| entry.tag("error_code") == Some("INVALID_ORDER")).collect();
    assert_eq!(refusals.len(), 1, "{log}");
    assert_eq!(refusals[0].request_id(), Some("in-process"));
}
