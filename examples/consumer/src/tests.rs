use std::sync::Arc;
use std::time::Duration;

use underpin_config::testing::{MockConfig, snapshot};
use underpin_config::{Loader, Value};
use underpin_database::testing::{MockDatabase, error};
use underpin_database::{Condition, DatabaseSettings, connect};
use underpin_errors::testing::MockHealthCheck;
use underpin_errors::{Health, HealthChecks, HealthStatus};
use underpin_events::memory::MemoryBus;
use underpin_events::testing::MockEventPublisher;
use underpin_events::{
    Delivery, Event, EventHandler, EventPublisher, EventSubscriber, EventsError, Outcome, PublishReceipt,
    SubscribeOptions, handler_fn,
};
use underpin_logger::testing::{CaptureLogger, MockLogger};
use underpin_logger::{Level, NoopLogger};

use super::*;

fn order(customer: &str) -> Event {
    let order = OrderPlaced { customer: customer.to_owned() };
    Event::typed("/orders", &order).id("order-1").build().unwrap()
}

fn greeter(database: MockDatabase, events: MockEventPublisher, log: &CaptureLogger) -> Greeter {
    let greeting = "Welcome, {}!".to_owned();
    Greeter { database: Arc::new(database), events: Arc::new(events), log: Arc::new(log.clone()), greeting }
}

/// No customer is known; one query is expected.
fn empty_database() -> MockDatabase {
    let mut database = MockDatabase::new();
    database.expect_query_one().times(1).returning(|_| Ok(None));
    database
}

#[tokio::test]
async fn a_new_customer_is_greeted_under_the_id_of_the_order() {
    let mut events = MockEventPublisher::new();
    events.expect_publish().times(1).returning(|event| {
        assert_eq!((event.id(), event.ty()), ("order-1", "customer.greeted"));
        let greeted = event.decode::<CustomerGreeted>().unwrap();
        assert_eq!(greeted, CustomerGreeted { text: "Welcome, ada!".to_owned() });
        Ok(PublishReceipt::new(1, false))
    });
    let log = CaptureLogger::new();
    let outcome = greeter(empty_database(), events, &log).handle(Delivery::new(order("ada"))).await;
    assert!(outcome.is_ack(), "{outcome:?}");
    assert_eq!(log.assert_logged(Level::Info, "customer greeted").tag("order"), Some("order-1"));
}

#[tokio::test]
async fn a_database_without_room_is_a_reason_to_come_again() {
    let mut database = MockDatabase::new();
    database.expect_query_one().returning(|_| Err(error(Condition::Saturated)));
    let log = CaptureLogger::new();
    let outcome =
        greeter(database, MockEventPublisher::new(), &log).handle(Delivery::new(order("ada"))).await;
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
    let warning = log.assert_logged(Level::Warn, "customer not greeted yet");
    assert!(warning.error.concat().contains("look the customer up"), "{log}");
}

#[tokio::test]
async fn a_bus_that_refuses_is_a_reason_to_come_again() {
    let mut events = MockEventPublisher::new();
    events.expect_publish().returning(|_| Err(EventsError::backend("publish", "no responders")));
    let log = CaptureLogger::new();
    let outcome = greeter(empty_database(), events, &log).handle(Delivery::new(order("ada"))).await;
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
}

#[tokio::test]
async fn what_is_no_order_never_will_be() {
    let log = CaptureLogger::new();
    let nonsense = Event::builder("order.placed", "/orders").json("ada").build().unwrap();
    let greeter = greeter(MockDatabase::new(), MockEventPublisher::new(), &log);
    let outcome = greeter.handle(Delivery::new(nonsense)).await;
    assert!(matches!(outcome, Outcome::DeadLetter { .. }), "{outcome:?}");
    log.assert_not_logged(Level::Warn);
}

/// The same on the fakes: real SQL, and a real bus with redelivery, inside the process.
#[tokio::test]
async fn only_strangers_are_greeted() {
    let pool = connect(&DatabaseSettings::new("sqlite::memory:"), Arc::new(NoopLogger)).await.unwrap();
    pool.batch("CREATE TABLE customer (name TEXT); INSERT INTO customer VALUES ('ada')").await.unwrap();
    let bus = MemoryBus::new();
    let (seen, mut greetings) = tokio::sync::mpsc::unbounded_channel();
    let reader = handler_fn(move |delivery| {
        seen.send(delivery.event().decode::<CustomerGreeted>().unwrap()).unwrap();
        async { Outcome::ack() }
    });
    let log = CaptureLogger::new();
    let greeter = Greeter {
        database: Arc::new(pool.clone()),
        events: Arc::new(bus.clone()),
        log: Arc::new(log.clone()),
        greeting: "Hello {}".to_owned(),
    };
    let to_reader = SubscribeOptions::new("reader").types(["customer.greeted"]);
    let reader = bus.subscribe(to_reader, reader).await.unwrap();
    let to_greeter = SubscribeOptions::new("greeter").types(["order.placed"]);
    let greeter = bus.subscribe(to_greeter, Arc::new(greeter)).await.unwrap();

    for (id, customer) in [("1", "ada"), ("2", "grace")] {
        bus.publish(order(customer).into_builder().id(id).build().unwrap()).await.unwrap();
    }
    let greeting = tokio::time::timeout(Duration::from_secs(30), greetings.recv()).await.unwrap().unwrap();
    assert_eq!(greeting.text, "Hello grace");
    let _ = (greeter.drain(Duration::from_secs(5)).await, reader.drain(Duration::from_secs(5)).await);
    assert!(greetings.try_recv().is_err(), "nobody else");
    log.assert_not_logged(Level::Warn);
    pool.close(Duration::from_secs(5)).await;
}

#[test]
fn settings_are_refused_all_at_once_and_without_their_values() {
    let variables = [("GREETER_GREETING", "hello"), ("GREETER_MAILER_TOKEM", "hunter2")];
    let refused =
        Loader::new("GREETER").environment(variables).load::<GreeterSettings>().unwrap_err().to_string();
    assert!(refused.contains("GREETER_MAILER_TOKEM") && refused.contains("did you mean"), "{refused}");
    assert!(!refused.contains("hunter2"), "{refused}");
}

#[test]
fn a_lookup_by_key_takes_a_mock_or_a_snapshot() {
    let mut config = MockConfig::new();
    config.expect_value().withf(|key| key == "greeting").return_const(Some(Value::from("Ahoy {}")));
    config.expect_origin().return_const(None);
    assert_eq!(greeting(&config).unwrap(), "Ahoy {}");
    assert_eq!(greeting(&snapshot([("other", "x")]).unwrap()).unwrap(), "Welcome, {}!");
}

/// A mock of the logger asks how it is called: here that a level which is off is never built.
#[tokio::test]
async fn nothing_is_logged_where_nobody_listens() {
    let mut log = MockLogger::new();
    log.expect_enabled().return_const(false);
    log.expect_log().never();
    let mut events = MockEventPublisher::new();
    events.expect_publish().returning(|_| Ok(PublishReceipt::new(1, false)));
    let greeter = Greeter {
        database: Arc::new(empty_database()),
        events: Arc::new(events),
        log: Arc::new(log),
        greeting: "Hello {}".to_owned(),
    };
    assert!(greeter.handle(Delivery::new(order("ada"))).await.is_ack());
}

#[tokio::test]
async fn health_is_the_worst_of_what_is_required() {
    let mut mailer = MockHealthCheck::new();
    mailer.expect_name().return_const("mailer".to_owned());
    mailer.expect_check().returning(|| Health::down("no route"));
    let report = HealthChecks::new().with(Arc::new(mailer)).run().await;
    assert_eq!(report.status, HealthStatus::Down);
}
