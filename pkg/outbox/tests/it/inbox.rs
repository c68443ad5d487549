//! The inbox on PostgreSQL and on SQLite.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{LIMIT, TestDatabase, count, event, until};
use underpin_database::{DatabaseError, Executor, Transaction, sql};
use underpin_events::memory::MemoryBus;
use underpin_events::{
    Delivery, DrainOutcome, Event, EventPublisher, EventSubscriber, Outcome, SubscribeOptions,
};
use underpin_logger::NoopLogger;
use underpin_outbox::OutboxError;
use underpin_outbox::{Applied, Inbox, InboxSettings};

async fn inbox(database: &TestDatabase, settings: InboxSettings) -> Inbox {
    let inbox = Inbox::new(settings).unwrap();
    inbox.migrate(&database.pool).await.unwrap();
    database
        .pool
        .execute(sql("CREATE TABLE effects (id text NOT NULL, consumer text NOT NULL)", []))
        .await
        .unwrap();
    inbox
}

async fn effect(tx: Transaction, consumer: &str, event: &Event) -> Result<(), DatabaseError> {
    tx.execute(sql("INSERT INTO effects VALUES ($1, $2)", [event.id().into(), consumer.into()])).await?;
    Ok(())
}

async fn effects(database: &TestDatabase) -> i64 {
    count(&database.pool, "SELECT count(*) FROM effects").await
}

macro_rules! on_both {
    ($(async fn $name:ident($database:ident) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn body($database: TestDatabase) $body

            #[tokio::test]
            async fn postgres() {
                body(TestDatabase::postgres().await).await;
            }

            #[tokio::test]
            async fn sqlite() {
                body(TestDatabase::sqlite().await).await;
            }
        }
    )+};
}

on_both! {
    async fn the_effect_happens_once_for_each_consumer(database) {
        let inbox = inbox(&database, InboxSettings::default()).await;
        let event = event("a", 1);
        for consumer in ["stats", "mail", "stats", "mail", "stats"] {
            let work = |tx| effect(tx, consumer, &event);
            inbox.once::<_, DatabaseError, _, _>(&database.pool, consumer, &event, work).await.unwrap();
        }
        assert_eq!(effects(&database).await, 2);
        // Another source is another event, whatever its id (CloudEvents 1.0, `id`).
        let other = Event::builder("test.happened", "/elsewhere").id(event.id()).build().unwrap();
        let work = |tx| effect(tx, "stats", &other);
        let done = inbox.once::<_, DatabaseError, _, _>(&database.pool, "stats", &other, work).await.unwrap();
        assert_eq!(done, Applied::Now(()));
    }

    async fn a_failed_handler_leaves_neither_effect_nor_claim(database) {
        let inbox = inbox(&database, InboxSettings::default()).await;
        let event = event("a", 1);
        let failing = |tx| {
            let event = &event;
            async move {
                effect(tx, "stats", event).await?;
                Err::<(), _>(OutboxError::KeyTooLong { size: 0 })
            }
        };
        inbox.once(&database.pool, "stats", &event, failing).await.unwrap_err();
        assert_eq!(effects(&database).await, 0);
        let work = |tx| effect(tx, "stats", &event);
        let done = inbox.once::<_, DatabaseError, _, _>(&database.pool, "stats", &event, work).await.unwrap();
        assert_eq!(done, Applied::Now(()));
        assert_eq!(effects(&database).await, 1);
    }

    async fn a_handler_that_is_dropped_half_way_leaves_neither(database) {
        let inbox = inbox(&database, InboxSettings::default()).await;
        let event = event("a", 1);
        let hanging = |tx| {
            let event = &event;
            async move {
                effect(tx, "stats", event).await?;
                std::future::pending::<Result<(), DatabaseError>>().await
            }
        };
        let once = inbox.once(&database.pool, "stats", &event, hanging);
        tokio::time::timeout(Duration::from_millis(300), once).await.unwrap_err();
        let work = |tx| effect(tx, "stats", &event);
        let done = inbox.once::<_, DatabaseError, _, _>(&database.pool, "stats", &event, work).await.unwrap();
        assert_eq!(done, Applied::Now(()));
        assert_eq!(effects(&database).await, 1);
    }

    async fn deliveries_at_the_same_time_have_one_effect(database) {
        let inbox = inbox(&database, InboxSettings::default()).await;
        let event = event("a", 1);
        let tries = (0..8).map(|_| async {
            let work = |tx| effect(tx, "stats", &event);
            inbox.once::<_, DatabaseError, _, _>(&database.pool, "stats", &event, work).await.unwrap()
        });
        let outcomes = futures_util::future::join_all(tries).await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Applied::Now(())).count(), 1);
        assert_eq!(effects(&database).await, 1);
    }

    async fn old_claims_are_swept_and_young_ones_kept(database) {
        let settings = InboxSettings::default().retention(Duration::from_millis(200)).sweep_every(Duration::from_millis(50));
        let inbox = inbox(&database, settings).await;
        let claim = |number| {
            let (inbox, database) = (&inbox, &database);
            async move {
                let event = event("a", number);
                let work = |tx| effect(tx, "stats", &event);
                inbox.once::<_, DatabaseError, _, _>(&database.pool, "stats", &event, work).await.unwrap();
            }
        };
        claim(1).await;
        assert_eq!(inbox.sweep(&database.pool).await.unwrap(), 0);
        let claims = || count(&database.pool, "SELECT count(*) FROM underpin_inbox");
        assert_eq!(claims().await, 1);
        let sweeper = inbox.start_sweeper(Arc::new(database.pool.clone()), Arc::new(NoopLogger));
        until("the old claim is gone", || async { claims().await == 0 }).await;
        sweeper.close().await;
        claim(2).await;
        assert_eq!(claims().await, 1);
    }

    async fn the_handler_works_with_a_bus_and_retries_what_fails(database) {
        let inbox = inbox(&database, InboxSettings::default()).await;
        let bus = MemoryBus::new();
        let handler = inbox.handler(Arc::new(database.pool.clone()), "stats", |tx, event| async move {
            effect(tx, "stats", &event).await
        });
        let options = SubscribeOptions::new("stats").types(["test.>"]);
        let subscription = bus.subscribe(options, Arc::clone(&handler)).await.unwrap();
        let event = event("a", 1);
        bus.publish(event.clone()).await.unwrap();
        until("the effect is there", || async { effects(&database).await == 1 }).await;
        assert!(handler.handle(Delivery::new(event.clone())).await.is_ack(), "done before is done");
        assert_eq!(effects(&database).await, 1);
        database.pool.execute(sql("DROP TABLE effects", [])).await.unwrap();
        let outcome = handler.handle(Delivery::new(event.into_builder().id("other").build().unwrap())).await;
        assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
        assert_eq!(subscription.drain(LIMIT).await, DrainOutcome::Drained);
    }
}
