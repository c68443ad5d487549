//! Publishes that the permissions of the server forbid.

use std::sync::Arc;
use std::time::{Duration, Instant};

use underpin_events::jetstream::JetStream;
use underpin_events::{Event, EventPublisher, EventsError};
use underpin_logger::testing::CaptureLogger;
use underpin_testkit::NatsServer;

use crate::support::settings;

const CONFIG: &str = r#"authorization { users: [
    { user: "svc", password: "pw", permissions: { publish: { deny: ["*.salary.>"] }, subscribe: { allow: [">"] } } }
] }"#;

fn event(ty: &str) -> Event {
    Event::builder(ty, "/people").json(&1).build().unwrap()
}

async fn bus() -> (JetStream, CaptureLogger, NatsServer) {
    let server = NatsServer::private_with(CONFIG).await;
    let mut settings = settings(&server);
    (settings.auth.user, settings.auth.password) = (Some("svc".to_owned()), Some("pw".into()));
    let log = CaptureLogger::new();
    let bus = JetStream::connect(&settings, Arc::new(log.clone())).await.unwrap();
    (bus, log, server)
}

#[tokio::test]
async fn it_ends_at_once_as_unauthorized_and_the_log_names_the_subject() {
    let (bus, log, _server) = bus().await;
    bus.publish(event("order.placed")).await.unwrap();
    let asked = Instant::now();
    let error = bus.publish(event("salary.paid")).await.expect_err("forbidden");
    assert!(matches!(error, EventsError::Unauthorized(_)), "{error:?}");
    assert!(!error.is_ambiguous() && !error.is_retryable());
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert!(underpin_errors::Report(&error).to_string().contains("events.salary.paid"), "{error:?}");
    let all = log.to_string();
    assert!(all.to_lowercase().contains("permissions violation") && all.contains("salary"), "{all}");
}

#[tokio::test]
async fn the_others_of_its_batch_are_stored_without_a_delay() {
    let (bus, _log, _server) = bus().await;
    let types = ["order.placed", "salary.paid", "order.paid", "salary.raised", "salary.paid"];
    let asked = Instant::now();
    let results = bus.publish_batch(types.map(event).into()).await;
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    for (ty, result) in types.iter().zip(results) {
        match result {
            Ok(_) => assert!(ty.starts_with("order."), "{ty}"),
            Err(error) => {
                assert!(ty.starts_with("salary."), "{ty}: {error:?}");
                assert!(matches!(error, EventsError::Unauthorized(_)), "{ty}: {error:?}");
            }
        }
    }
}

/// One forbidden subject among others costs the others nothing.
#[tokio::test]
async fn it_holds_up_no_other_publish() {
    let (bus, _log, _server) = bus().await;
    let slowest = tokio::sync::Mutex::new(Duration::ZERO);
    let publish = async |n: usize| {
        let began = Instant::now();
        let forbidden = n.is_multiple_of(20);
        let result = bus.publish(event(if forbidden { "salary.paid" } else { "order.placed" })).await;
        assert_eq!(result.is_err(), forbidden, "{result:?}");
        let mut slowest = slowest.lock().await;
        *slowest = began.elapsed().max(*slowest);
    };
    futures_util::future::join_all((0..200).map(publish)).await;
    let slowest = slowest.into_inner();
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}
