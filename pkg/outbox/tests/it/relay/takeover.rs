//! A process that is killed while its relay holds every partition of a SQLite file, for an hour.

use std::collections::HashSet;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use underpin_database::{Executor as _, Pool, sql};
use underpin_logger::NoopLogger;
use underpin_outbox::{Outbox, OutboxSettings, Relay, RelayDrain, RelaySettings};

use crate::support::{
    LIMIT, Recorder, TestDatabase, count, drained, enqueue, event, outbox, pool, quick, relay, until,
};

/// In the environment of the process that is killed: the URL of the database.
const CHILD: &str = "UNDERPIN_TEST_KILLED_RELAY";

fn settings() -> RelaySettings {
    quick().lease(Duration::from_secs(3600))
}

/// The other process: this test once more, which then is a relay whose publishes never end.
fn start_child(url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "relay::takeover::a_killed_relay_is_replaced_at_once_and_a_living_one_is_not"])
        .env(CHILD, url)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Ends with its standard input, so that nothing stays behind when the test does not kill it.
async fn be_the_child(url: &str) {
    let publisher = Recorder::new();
    publisher.hangs.store(true, Ordering::SeqCst);
    let pool = pool(url).await;
    let relay = Relay::start(&Outbox::default(), &pool, publisher, settings(), Arc::new(NoopLogger)).unwrap();
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()).unwrap()).await.unwrap();
    drop(relay);
}

async fn owners(pool: &Pool) -> HashSet<String> {
    let rows =
        pool.query_all(sql("SELECT owner FROM underpin_outbox_lanes WHERE owner IS NOT NULL", [])).await;
    rows.unwrap().iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_relay_is_replaced_at_once_and_a_living_one_is_not() {
    if let Ok(url) = std::env::var(CHILD) {
        return be_the_child(&url).await;
    }
    let database = TestDatabase::sqlite().await;
    let outbox = outbox(&database, OutboxSettings::default()).await;
    let events: Vec<_> = (0..40).map(|key| event(&format!("k{key}"), 0)).collect();
    enqueue(&outbox, &database.pool, &events).await;
    let leased = "SELECT count(*) FROM underpin_outbox_lanes WHERE owner IS NOT NULL";
    let mut child = start_child(database.pool.settings().url.expose());
    until("the child leases everything", || async { count(&database.pool, leased).await == 32 }).await;
    let of_child = owners(&database.pool).await;

    // While it lives, another relay finds its leases in force.
    let second = Recorder::new();
    let living = relay(&outbox, &database, &second, settings());
    let registered = "SELECT count(*) FROM underpin_outbox_relays";
    until("the second relay has registered", || async { count(&database.pool, registered).await == 8 }).await;
    assert_eq!(owners(&database.pool).await, of_child);
    assert_eq!(living.drain(LIMIT).await, RelayDrain::Drained);
    assert!((0..40).all(|key| second.numbers(&format!("k{key}")).is_empty()));

    child.kill().unwrap();
    child.wait().unwrap();
    let third = Recorder::new();
    let heir = relay(&outbox, &database, &third, settings());
    drained(&outbox, &database.pool).await;
    assert!((0..40).all(|key| third.numbers(&format!("k{key}")) == [0]), "each event is published once");
    assert!(owners(&database.pool).await.is_disjoint(&of_child));
    assert_eq!(heir.drain(LIMIT).await, RelayDrain::Drained);
}
