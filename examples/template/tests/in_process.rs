//! The whole service inside of the test: free ports, SQLite and the bus in memory, the log as values.

mod client;

use std::sync::Arc;
use std::time::Duration;

use client::{LIMIT, request};
use serde_json::{Value, json};
use service::Settings;
use underpin_database::DatabaseSettings;
use underpin_errors::HealthStatus;
use underpin_logger::Level;
use underpin_logger::testing::CaptureLogger;
use underpin_service::Ended;
use underpin_service::testing::{Running, TestService};

fn service(log: &CaptureLogger) -> TestService<Settings> {
    let mut settings = Settings::default();
    settings.http.port = 0;
    settings.database = DatabaseSettings::new("sqlite::memory:");
    TestService::new(settings).log(Arc::new(log.clone()))
}

async fn call(service: &Running<'_, Settings>, method: &str, path: &str, body: Value) -> (u16, Value) {
    let (address, line) =
        (service.address("http").unwrap().to_string(), format!("{method} {path} HTTP/1.1\r\n"));
    let answer = tokio::task::spawn_blocking(move || request(&address, &line, &body.to_string()));
    let (status, body) = answer.await.unwrap().expect("the service answers");
    (status, serde_json::from_str(&body).unwrap())
}

#[tokio::test]
async fn a_note_is_kept_and_counted_under_one_request_id() {
    let log = CaptureLogger::new();
    let ended = service(&log)
        .run(service::build, async |service| {
            let (status, note) = call(service, "POST", "/notes", json!({"text": "hello"})).await;
            assert_eq!((status, &note["text"]), (201, &json!("hello")));
            let path = format!("/notes/{}", note["id"].as_str().unwrap());
            assert_eq!(call(service, "GET", &path, Value::Null).await, (200, note));

            let counted = async {
                while call(service, "GET", "/notes/count", Value::Null).await != (200, json!({"notes": 1})) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(LIMIT, counted).await.expect("the note is counted");
            let ready = call(service, "GET", "/health/ready", Value::Null).await;
            assert_eq!(ready, (200, json!({"status": "ready"})));
            assert_eq!(service.health().await.status, HealthStatus::Up);
        })
        .await;
    assert!(matches!(&ended, Ended::Clean { cut } if cut.is_empty()), "{ended:?}");
    for message in ["note added", "note counted"] {
        assert_eq!(log.assert_logged(Level::Info, message).request_id(), Some("from-a-test"));
    }
    log.assert_logged(Level::Info, "service stopped");
    log.assert_not_logged(Level::Warn);
}

#[tokio::test]
async fn nonsense_is_a_problem_that_names_the_field() {
    let log = CaptureLogger::new();
    let ended = service(&log)
        .run(service::build, async |service| {
            let (status, problem) = call(service, "POST", "/notes", json!({"text": " "})).await;
            assert_eq!((status, &problem["code"]), (400, &json!("NOTE_EMPTY")));
            assert_eq!(problem["errors"][0]["pointer"], "#/text");
            assert_eq!(problem["request_id"], "from-a-test");
            let (status, problem) = call(service, "GET", "/notes/none", Value::Null).await;
            assert_eq!((status, &problem["code"]), (404, &json!("NOTE_NOT_FOUND")));
        })
        .await;
    assert!(matches!(ended, Ended::Clean { .. }), "{ended:?}");
}
