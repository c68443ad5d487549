//! The outbox between a real PostgreSQL and a real NATS, both of which die.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{LIMIT, TestDatabase, count, drained, enqueue, event, outbox, pool, quick, until};
use underpin_database::{DatabaseError, Executor, sql};
use underpin_errors::{HealthCheck, HealthStatus};
use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_events::{Event, EventPublisher, EventSubscriber, Order, SubscribeOptions};
use underpin_logger::NoopLogger;
use underpin_outbox::Inbox;
use underpin_outbox::{Outbox, OutboxSettings, Relay, RelayDrain, RelaySettings};
use underpin_testkit::{NatsServer, PostgresServer};

async fn bus(nats: &NatsServer) -> JetStream {
    let mut settings = JetStreamSettings::new(nats.url());
    settings.publish.ack_timeout = Duration::from_millis(500);
    settings.publish.timeout = Duration::from_secs(2);
    JetStream::connect(&settings, Arc::new(NoopLogger)).await.unwrap()
}

fn start(outbox: &Outbox, pool: &underpin_database::Pool, bus: &JetStream) -> Relay {
    let mut settings: RelaySettings = quick();
    settings.database_timeout = Duration::from_secs(2);
    Relay::start(outbox, pool, Arc::new(bus.clone()), settings, Arc::new(NoopLogger)).unwrap()
}

/// Everything the stream holds, in order, as (key, number).
async fn stored(bus: &JetStream, at_least: usize) -> Vec<(String, u64)> {
    let seen: Arc<Mutex<Vec<(String, u64)>>> = Arc::default();
    let sink = Arc::clone(&seen);
    let handler = underpin_events::handler_fn(move |delivery| {
        let event = delivery.event();
        sink.lock().unwrap().push((event.subject().unwrap().to_owned(), event.json().unwrap()));
        async { underpin_events::Outcome::ack() }
    });
    let options = SubscribeOptions::new(format!("reader-{}", uuid::Uuid::now_v7()))
        .types(["test.>"])
        .order(Order::Strict);
    let subscription = bus.subscribe(options, handler).await.unwrap();
    until("the stream is read", || async {
        seen.lock().unwrap().len() >= at_least && subscription.lag().await.is_ok_and(|lag| lag.is_zero())
    })
    .await;
    let _ = subscription.drain(LIMIT).await;
    std::mem::take(&mut *seen.lock().unwrap())
}

fn assert_in_order(stored: &[(String, u64)], keys: u64, each: u64) {
    for key in 0..keys {
        let name = format!("k{key}");
        let numbers: Vec<u64> =
            stored.iter().filter(|(key, _)| *key == name).map(|(_, number)| *number).collect();
        assert_eq!(numbers, (0..each).collect::<Vec<_>>(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_pass_in_order_while_nats_is_killed_and_restarted() {
    let (database, nats) = (TestDatabase::postgres().await, NatsServer::private().await);
    let outbox = outbox(&database, OutboxSettings::default()).await;
    let bus = bus(&nats).await;
    let relays: Vec<Relay> = (0..3).map(|_| start(&outbox, &database.pool, &bus)).collect();
    for number in 0..60 {
        let events: Vec<Event> = (0..10).map(|key| event(&format!("k{key}"), number)).collect();
        enqueue(&outbox, &database.pool, &events).await;
        match number {
            20 => nats.kill().await,
            40 => nats.restart().await,
            _ => {}
        }
    }
    drained(&outbox, &database.pool).await;
    assert_in_order(&stored(&bus, 600).await, 10, 60);
    until("every relay is well", || async {
        let mut up = true;
        for relay in &relays {
            up &= relay.check().await.status == HealthStatus::Up;
        }
        up
    })
    .await;
    for relay in relays {
        assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
    }
    bus.close(LIMIT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_outlives_a_postgres_that_is_killed() {
    let (postgres, nats) = (PostgresServer::private().await, NatsServer::private().await);
    let pool = pool(postgres.url()).await;
    let outbox = Outbox::default();
    outbox.migrate(&pool).await.unwrap();
    let bus = bus(&nats).await;
    let relay = start(&outbox, &pool, &bus);
    let batch = |number| (0..10).map(move |key| event(&format!("k{key}"), number)).collect::<Vec<_>>();
    enqueue(&outbox, &pool, &batch(0)).await;
    drained(&outbox, &pool).await;
    postgres.kill().await;
    until("the relay shows it", || async { relay.check().await.status == HealthStatus::Degraded }).await;
    postgres.start().await;
    until("the database answers", || async { pool.execute(sql("SELECT 1", [])).await.is_ok() }).await;
    for number in 1..20 {
        enqueue(&outbox, &pool, &batch(number)).await;
    }
    drained(&outbox, &pool).await;
    assert_in_order(&stored(&bus, 200).await, 10, 20);
    until("the relay is well", || async { relay.check().await.status == HealthStatus::Up }).await;
    assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_publish_and_delete_has_no_second_effect() {
    let (database, nats) = (TestDatabase::postgres().await, NatsServer::private().await);
    let outbox = outbox(&database, OutboxSettings::default()).await;
    let inbox = Inbox::default();
    inbox.migrate(&database.pool).await.unwrap();
    database.pool.execute(sql("CREATE TABLE effects (id text NOT NULL)", [])).await.unwrap();
    let bus = bus(&nats).await;
    let handler = inbox.handler(Arc::new(database.pool.clone()), "effects", |tx, event| async move {
        tx.execute(sql("INSERT INTO effects VALUES ($1)", [event.id().into()])).await?;
        Ok::<_, DatabaseError>(())
    });
    let subscription =
        bus.subscribe(SubscribeOptions::new("effects").types(["test.>"]), handler).await.unwrap();
    let effects = || count(&database.pool, "SELECT count(*) FROM effects");

    // A relay that published these and died before it could delete them.
    let events: Vec<Event> = (0..20).map(|number| event("k0", number)).collect();
    for event in &events {
        bus.publish(event.clone()).await.unwrap();
    }
    enqueue(&outbox, &database.pool, &events).await;
    let relay = start(&outbox, &database.pool, &bus);
    drained(&outbox, &database.pool).await;
    until("every effect is there", || async { effects().await == 20 }).await;
    assert_in_order(&stored(&bus, 20).await, 1, 20);

    // The same after the broker forgot the message ids: only the inbox stands between the event and a second effect.
    let raw = bus.jetstream().clone();
    for event in &events {
        raw.publish("events.test.happened", event.to_json()).await.unwrap().await.unwrap();
    }
    let twice = stored(&bus, 40).await;
    assert_eq!(twice.len(), 40, "the broker took them for new ones");
    until("the consumer has seen them", || async { subscription.lag().await.unwrap().is_zero() }).await;
    assert_eq!(effects().await, 20);
    let _ = subscription.drain(LIMIT).await;
    assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
}

const DENIED: &str = r#"authorization { users: [
    { user: "svc", password: "pw", permissions: { publish: { deny: ["*.salary.>"] }, subscribe: { allow: [">"] } } }
] }"#;

/// One subject that the server's permissions forbid, among twenty events a second.
#[tokio::test(flavor = "multi_thread")]
async fn a_denied_subject_delays_no_other() {
    let nats = NatsServer::private_with(DENIED).await;
    let mut settings = JetStreamSettings::new(nats.url());
    settings.auth.user = Some("svc".to_owned());
    settings.auth.password = Some("pw".into());
    let bus = JetStream::connect(&settings, Arc::new(NoopLogger)).await.unwrap();
    let database = TestDatabase::postgres().await;
    let outbox = outbox(&database, OutboxSettings::default()).await;
    // The publish timeout is that of a service: 5 s.
    let mut settings = RelaySettings::default().workers(1);
    settings.max_attempts = 2;
    settings.event_backoff = quick().event_backoff;
    let publish_timeout = settings.publish_timeout;
    let relay =
        Relay::start(&outbox, &database.pool, Arc::new(bus.clone()), settings, Arc::new(NoopLogger)).unwrap();

    let waits: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let (sink, began) = (Arc::clone(&waits), Instant::now());
    let handler = underpin_events::handler_fn(move |delivery| {
        let sent = Duration::from_millis(delivery.event().json().unwrap());
        sink.lock().unwrap().push(began.elapsed().saturating_sub(sent));
        async { underpin_events::Outcome::ack() }
    });
    let options = SubscribeOptions::new("reader").types(["order.>"]);
    let subscription = bus.subscribe(options, handler).await.unwrap();
    const EVENTS: usize = 200;
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    for number in 0..EVENTS {
        ticks.tick().await;
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap();
        let made = |ty: &str, key: usize| {
            Event::builder(ty, "/test").subject(format!("{ty}-{key}")).json(&millis).build().unwrap()
        };
        let mut events = vec![made("order.placed", number % 16)];
        if number % 20 == 0 {
            events.push(made("salary.paid", number));
        }
        enqueue(&outbox, &database.pool, &events).await;
    }
    until("all orders are delivered", || async { waits.lock().unwrap().len() >= EVENTS }).await;
    until("the denied ones are in quarantine", || async {
        outbox.lag(&database.pool).await.unwrap().quarantined == (EVENTS / 20) as u64
    })
    .await;
    let mut waits = waits.lock().unwrap().clone();
    waits.sort();
    let p99 = waits[waits.len() * 99 / 100];
    assert!(p99 < publish_timeout / 2, "p99 {p99:?}, the slowest {:?}", waits.last());
    let _ = subscription.drain(LIMIT).await;
    assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
}
