//! Scenes of chaos that are played without chance: what a crash of PostgreSQL takes back, and a relay that was frozen.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use underpin_database::{DatabaseExt, DatabaseSettings, Executor, Pool, TxOptions, connect, sql};
use underpin_events::Event;
use underpin_events::memory::MemoryBus;
use underpin_logger::NoopLogger;
use underpin_outbox::{Outbox, OutboxError, Relay, RelayDrain, RelaySettings};
use underpin_testkit::{PostgresServer, eventually};
use underpin_tests::chaos::freeze_and_resume;

const LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

async fn enqueue(outbox: &Outbox, pool: &Pool) {
    let event = Event::builder("test.happened", "/test").subject("key").build().unwrap();
    let event = &event;
    let work = |tx| async move { outbox.enqueue(&tx, event).await };
    pool.transaction::<_, OutboxError, _, _>(TxOptions::default(), work).await.unwrap();
}

async fn wait_until_no_row_is_left(pool: &Pool) {
    eventually(LIMIT, "no row is left in the outbox", async || {
        let rows = pool.query_one(sql("SELECT count(*) FROM underpin_outbox", [])).await;
        rows.is_ok_and(|row| row.unwrap().try_get_by_index::<i64>(0).unwrap() == 0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_a_crashed_server_took_back_is_made_again() {
    // Nothing that is committed asynchronously reaches the disk before the server is killed, except in the wake of a
    // commit that waits for the disk: so the relay renews its leases late, too.
    let server = PostgresServer::private_with(&[("wal_writer_delay", "10s")]).await;
    let pool = connect(&DatabaseSettings::new(server.url()), Arc::new(NoopLogger)).await.unwrap();
    let outbox = Outbox::default();
    outbox.migrate(&pool).await.unwrap();
    let mut settings = RelaySettings::default();
    settings.lease = Duration::from_secs(40);
    settings.poll = POLL;
    let (bus, log) = (Arc::new(MemoryBus::new()), Arc::new(NoopLogger));
    let relay = Relay::start(&outbox, &pool, bus, settings, log).unwrap();
    for _ in 0..3 {
        enqueue(&outbox, &pool).await;
        wait_until_no_row_is_left(&pool).await;
        // The relay looks a few times more, and could take the row for done for good. Too short a time would make this
        // test weaker, and never fail it.
        tokio::time::sleep(POLL * 10).await;
        server.kill().await;
        server.start().await;
        wait_until_no_row_is_left(&pool).await;
    }
    assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_was_stopped_and_goes_on_repeats_at_most_what_was_on_the_wire() {
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_chaos"));
    let outcome = freeze_and_resume(program, folder.path()).await.unwrap();
    assert_eq!(outcome.violations, []);
    // A window has one event of each of the twelve accounts at most. Otherwise nothing was proved.
    assert!(outcome.left > 12, "{outcome:?}");
    assert!(outcome.repeated <= 12, "{outcome:?}");
}
