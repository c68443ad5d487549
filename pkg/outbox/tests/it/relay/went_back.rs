//! A server that knows less than the one before: ids are drawn a second time.

use underpin_database::{Connections, Executor, TxOptions, sql};
use underpin_events::Event;
use underpin_outbox::{AfterQuarantine, OutboxSettings, RelayDrain};

use crate::support::{
    LIMIT, Recorder, TestDatabase, count, drained, enqueue, event, outbox, quick, relay, until,
};

/// As when rows were copied to a server whose sequence starts again, or a standby that lagged takes over.
#[tokio::test]
async fn events_with_ids_below_the_low_water_marks_are_published() {
    let database = TestDatabase::postgres().await;
    let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
    let first = relay(&outbox, &database, &publisher, quick());
    let events: Vec<Event> = (0..500).map(|number| event(&format!("k{}", number % 50), number)).collect();
    enqueue(&outbox, &database.pool, &events).await;
    drained(&outbox, &database.pool).await;
    until("the low-water marks have followed", || async {
        count(&database.pool, "SELECT min(floor) FROM underpin_outbox_lanes").await >= 500
    })
    .await;

    // Under a relay that runs.
    database.pool.batch("SELECT setval('underpin_outbox_id_seq', 1, false)").await.unwrap();
    let again: Vec<Event> = (0..100).map(|key| event(&format!("again-{key}"), 0)).collect();
    enqueue(&outbox, &database.pool, &again).await;
    until("they are published", || async { publisher.len() == 600 }).await;
    assert_eq!(first.drain(LIMIT).await, RelayDrain::Drained);

    // And where a relay starts.
    database.pool.batch("UPDATE underpin_outbox_lanes SET floor = 1000000").await.unwrap();
    let more: Vec<Event> = (0..100).map(|key| event(&format!("more-{key}"), 0)).collect();
    enqueue(&outbox, &database.pool, &more).await;
    let second = relay(&outbox, &database, &publisher, quick());
    until("they are published", || async { publisher.len() == 700 }).await;
    // Removed after they are published.
    until("nothing is left", || async {
        count(&database.pool, "SELECT count(*) FROM underpin_outbox").await == 0
    })
    .await;
    assert_eq!(second.drain(LIMIT).await, RelayDrain::Drained);
}

/// An operator and a relay decide at once which row is the head of a key. Where neither saw the other, the row that
/// the relay puts behind the discarded one would wait for ever.
#[tokio::test]
async fn discarding_waits_for_a_relay_that_puts_a_row_behind() {
    let database = TestDatabase::postgres().await;
    let settings = OutboxSettings::default().after_quarantine(AfterQuarantine::Hold);
    let outbox = outbox(&database, settings).await;
    let held = "INSERT INTO underpin_outbox_held (lane, key, id, envelope, created_at, quarantined_at) \
        VALUES (3, 'k', $1, '{}', now(), CASE WHEN $2 THEN now() END)";
    database.pool.execute(sql(held, [1_i64.into(), true.into()])).await.unwrap();

    // What a relay does: it locks the partition, and stores a row behind the head that it sees.
    let relay = database.pool.begin(TxOptions::default()).await.unwrap();
    relay.query_all(sql("SELECT FROM underpin_outbox_lanes WHERE lane = 3 FOR UPDATE", [])).await.unwrap();
    relay.execute(sql(held, [2_i64.into(), false.into()])).await.unwrap();

    let discard = tokio::spawn({
        let (outbox, pool) = (outbox.clone(), database.pool.clone());
        async move { outbox.discard(&pool, 1).await.unwrap() }
    });
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    until("it waits or is done", || async {
        discard.is_finished() || count(&database.pool, waits).await > 0
    })
    .await;
    relay.commit().await.unwrap();
    assert!(discard.await.unwrap());
    let due = "SELECT count(*) FROM underpin_outbox_held WHERE id = 2 AND due_at IS NOT NULL";
    assert_eq!(count(&database.pool, due).await, 1, "the row behind it is due");
}
