//! How a relay that sleeps learns that there is work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use underpin_database::{Executor, Pool, sql};
use underpin_errors::HealthCheck;
use underpin_outbox::{Outbox, OutboxSettings, Relay, RelayDrain};

use crate::support::{
    LIMIT, Recorder, TestDatabase, count, drained, enqueue, event, outbox, pool, quick, relay, until,
};

/// A relay that looks by itself only every 20 s.
fn sleeper(outbox: &Outbox, database: &TestDatabase, publisher: &Arc<Recorder>) -> Relay {
    let mut settings = quick();
    settings.poll = Duration::from_secs(20);
    settings.lease = Duration::from_secs(60);
    relay(outbox, database, publisher, settings)
}

/// An event that is published at once was signalled: a relay with long pauses does not find it so soon by polling.
async fn wakes_up(producer: &Outbox, pool: &Pool, publisher: &Recorder) {
    let mut waits = Vec::new();
    for number in 0..5 {
        // The relay's own looks come 1023 ms and 2047 ms after the last event.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let (started, before) = (Instant::now(), publisher.len());
        enqueue(producer, pool, &[event("a", number)]).await;
        while publisher.len() == before && started.elapsed() < LIMIT {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        waits.push(started.elapsed());
    }
    waits.sort();
    assert!(waits[2] < Duration::from_millis(500), "{waits:?}");
}

#[tokio::test]
async fn notify_wakes_the_relay_of_another_process() {
    let (database, publisher) = (TestDatabase::postgres().await, Recorder::new());
    let relays = outbox(&database, OutboxSettings::default()).await;
    let relay = sleeper(&relays, &database, &publisher);
    // Another outbox shares no signal with the relay's, as in another process.
    let producer = Outbox::default();
    enqueue(&producer, &database.pool, &[event("a", 0)]).await;
    drained(&producer, &database.pool).await;
    wakes_up(&producer, &database.pool, &publisher).await;
    drop(relay);
}

#[tokio::test]
async fn a_signal_wakes_the_relay_of_this_process_on_sqlite() {
    let (database, publisher) = (TestDatabase::sqlite().await, Recorder::new());
    let outbox = outbox(&database, OutboxSettings::default()).await;
    let relay = sleeper(&outbox, &database, &publisher);
    enqueue(&outbox, &database.pool, &[event("a", 0)]).await;
    drained(&outbox, &database.pool).await;
    wakes_up(&outbox, &database.pool, &publisher).await;
    drop(relay);
}

const LISTENERS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'LISTEN %'";

#[tokio::test]
async fn a_relay_whose_listener_is_killed_polls_until_it_can_listen_again() {
    let (database, publisher) = (TestDatabase::postgres().await, Recorder::new());
    let relays = outbox(&database, OutboxSettings::default()).await;
    let mut settings = quick();
    settings.poll = Duration::from_secs(5);
    settings.lease = Duration::from_secs(60);
    let relay = relay(&relays, &database, &publisher, settings);
    until("it listens", || async { count(&database.pool, LISTENERS).await == 1 }).await;

    // No new connection is let in, and the one that listens is ended.
    let url = database.pool.settings().url.expose().clone();
    let (server, name) = url.rsplit_once('/').unwrap();
    let admin = pool(&format!("{server}/postgres")).await;
    let connections = |allowed: bool| {
        let text = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}");
        let admin = &admin;
        async move { admin.execute(sql(text, [])).await.unwrap() }
    };
    connections(false).await;
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE datname = current_database() AND query ILIKE 'LISTEN %'";
    database.pool.execute(sql(kill, [])).await.unwrap();
    until("nobody listens", || async { count(&database.pool, LISTENERS).await == 0 }).await;

    let producer = Outbox::default();
    for number in 0..2 {
        enqueue(&producer, &database.pool, &[event("polled", number)]).await;
        until("it is found all the same", || async {
            publisher.numbers("polled").len() as u64 == number + 1
        })
        .await;
    }
    assert_eq!(count(&database.pool, LISTENERS).await, 0);

    connections(true).await;
    until("it listens again", || async { count(&database.pool, LISTENERS).await == 1 }).await;
    wakes_up(&producer, &database.pool, &publisher).await;
    assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
}

#[tokio::test]
async fn notify_is_off_under_load_and_on_again_afterwards() {
    let (database, publisher) = (TestDatabase::postgres().await, Recorder::new());
    let outbox = outbox(&database, OutboxSettings::default()).await;
    let mut settings = quick();
    settings.workers = 1;
    // Many poll cycles for few events.
    settings.batch = 32;
    let relay = relay(&outbox, &database, &publisher, settings);
    let notified = "SELECT count(*) FROM underpin_outbox_lanes WHERE bell";
    until("the relay has every partition", || async {
        count(&database.pool, "SELECT count(*) FROM underpin_outbox_lanes WHERE owner IS NOT NULL").await
            == 32
    })
    .await;
    assert_eq!(count(&database.pool, notified).await, 32);
    let events: Vec<_> = (0..320).map(|number| event(&format!("k{}", number % 32), number)).collect();
    until("no producer has to notify", || async {
        enqueue(&outbox, &database.pool, &events).await;
        count(&database.pool, notified).await == 0
    })
    .await;
    drained(&outbox, &database.pool).await;
    until("producers notify again", || async { count(&database.pool, notified).await == 32 }).await;
    wakes_up(&Outbox::default(), &database.pool, &publisher).await;
    assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
}

/// Without a word from the one that leaves, the other would learn of it at its next heartbeat, 10 s later.
async fn partitions_move(database: TestDatabase, leaving: &Outbox, staying: &Outbox) {
    let (publisher, mut settings) = (Recorder::new(), quick());
    settings.workers = 2;
    settings.lease = Duration::from_secs(40);
    let leaving = relay(leaving, &database, &publisher, settings.clone());
    let staying = relay(staying, &database, &publisher, settings);
    let owners = "SELECT count(DISTINCT owner) FROM underpin_outbox_lanes";
    until("they share the partitions", || async { count(&database.pool, owners).await == 4 }).await;
    until("the other has its half", || async { staying.check().await.details["lanes"] == 16 }).await;
    let started = Instant::now();
    assert_eq!(leaving.drain(LIMIT).await, RelayDrain::Drained);
    until("the other has every partition", || async { staying.check().await.details["lanes"] == 32 }).await;
    assert!(started.elapsed() < Duration::from_secs(6), "it took {:?}", started.elapsed());
    assert_eq!(staying.drain(LIMIT).await, RelayDrain::Drained);
}

#[tokio::test]
async fn the_partitions_of_a_drained_relay_go_to_another_process_at_once() {
    let database = TestDatabase::postgres().await;
    let leaving = outbox(&database, OutboxSettings::default()).await;
    // Another outbox, as in another process: NOTIFY is all that they share.
    partitions_move(database, &leaving, &Outbox::default()).await;
}

#[tokio::test]
async fn the_partitions_of_a_drained_relay_go_to_another_one_of_this_process_at_once() {
    let database = TestDatabase::sqlite().await;
    let outbox = outbox(&database, OutboxSettings::default()).await;
    partitions_move(database, &outbox, &outbox).await;
}
