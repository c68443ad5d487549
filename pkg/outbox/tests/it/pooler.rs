//! The outbox behind pgbouncer in transaction mode, where every transaction may run in another server session.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use underpin_database::{
    DatabaseError, DatabaseSettings, Executor, Pool, PoolingMode, Transaction, connect, sql,
};
use underpin_errors::{HealthCheck, HealthStatus};
use underpin_events::Event;
use underpin_logger::NoopLogger;
use underpin_outbox::{Applied, Inbox, Outbox, Relay, RelayDrain};
use underpin_testkit::Pooler;

use crate::support::{Fault, LIMIT, Recorder, count, drained, enqueue, event, quick, until};

async fn pool_to(pooler: &Pooler) -> Pool {
    let mut settings = DatabaseSettings::new(pooler.url());
    settings.pooling_mode = PoolingMode::TransactionPooler;
    settings.acquire_timeout = LIMIT;
    settings.connect_timeout = LIMIT;
    connect(&settings, Arc::new(NoopLogger)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_relays_keep_the_order_and_poll_where_nobody_can_listen() {
    let pooler = Pooler::start().await;
    let (pool, publisher) = (pool_to(&pooler).await, Recorder::new());
    let outbox = Outbox::default();
    outbox.migrate(&pool).await.unwrap();
    let mut relays = Vec::new();
    for _ in 0..3 {
        let (own, publisher) = (pool_to(&pooler).await, Arc::clone(&publisher));
        // Another outbox shares no signal with the producer's: the relay only polls.
        relays
            .push(Relay::start(&Outbox::default(), &own, publisher, quick(), Arc::new(NoopLogger)).unwrap());
    }
    for round in 0..30 {
        let events: Vec<Event> = (0..20).map(|key| event(&format!("k{key}"), round)).collect();
        enqueue(&outbox, &pool, &events).await;
        if round == 10 {
            // Stopped where it is: its leases have to run out.
            drop(relays.remove(0));
        }
    }
    drained(&outbox, &pool).await;
    for key in 0..20 {
        assert_eq!(publisher.numbers(&format!("k{key}")), (0..30).collect::<Vec<_>>(), "k{key}");
    }
    assert_eq!(
        publisher.key_overlaps.load(Ordering::SeqCst),
        0,
        "two events of a key were in flight at once"
    );
    for relay in relays {
        assert_eq!(relay.check().await.status, HealthStatus::Up);
        assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_fails_waits_and_goes_to_quarantine_as_elsewhere() {
    let pooler = Pooler::start().await;
    let (pool, publisher) = (pool_to(&pooler).await, Recorder::new());
    let outbox = Outbox::default();
    outbox.migrate(&pool).await.unwrap();
    publisher.fault("late", Some(Fault::Lost));
    publisher.fault("bad", Some(Fault::TooLarge));
    let relay =
        Relay::start(&outbox, &pool, Arc::clone(&publisher) as _, quick(), Arc::new(NoopLogger)).unwrap();
    enqueue(&outbox, &pool, &[event("late", 1), event("bad", 1), event("late", 2), event("good", 1)]).await;
    until("one is in quarantine", || async {
        outbox.quarantined(&pool, None, 10).await.unwrap().len() == 1 && publisher.numbers("good") == [1]
    })
    .await;
    publisher.fault("late", None);
    publisher.fault("bad", None);
    let row = outbox.quarantined(&pool, None, 10).await.unwrap()[0].row;
    assert!(outbox.replay(&pool, row).await.unwrap());
    drained(&outbox, &pool).await;
    assert_eq!((publisher.numbers("late"), publisher.numbers("bad")), (vec![1, 2], vec![1]));
    assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_lets_one_of_many_deliveries_have_its_effect() {
    let pooler = Pooler::start().await;
    let pool = pool_to(&pooler).await;
    let inbox = Inbox::default();
    inbox.migrate(&pool).await.unwrap();
    pool.execute(sql("CREATE TABLE effects (id text NOT NULL)", [])).await.unwrap();
    let event = event("a", 1);
    let tries = (0..8).map(|_| async {
        let effect = |tx: Transaction| {
            let id = event.id().to_owned();
            async move { tx.execute(sql("INSERT INTO effects VALUES ($1)", [id.into()])).await.map(|_| ()) }
        };
        inbox.once::<_, DatabaseError, _, _>(&pool, "stats", &event, effect).await.unwrap()
    });
    let outcomes = futures_util::future::join_all(tries).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Applied::Now(())).count(), 1);
    assert_eq!(count(&pool, "SELECT count(*) FROM effects").await, 1);
}
