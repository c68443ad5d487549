//! The outbox over connections to PostgreSQL that are cut again and again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use underpin_events::Event;
use underpin_outbox::{OutboxSettings, RelayDrain};
use underpin_testkit::Proxy;

use crate::support::{LIMIT, Recorder, TestDatabase, drained, enqueue, event, outbox, pool, quick, relay};

#[tokio::test(flavor = "multi_thread")]
async fn events_pass_in_order_while_connections_are_cut() {
    let mut database = TestDatabase::postgres().await;
    let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
    let direct = database.pool.clone();
    let proxy = Proxy::to(&direct.settings().url.expose().clone()).await;
    database.pool = pool(proxy.url()).await;
    let mut settings = quick();
    settings.database_timeout = Duration::from_secs(2);
    let relays = [
        relay(&outbox, &database, &publisher, settings.clone()),
        relay(&outbox, &database, &publisher, settings),
    ];
    for round in 0..40 {
        let events: Vec<Event> = (0..20).map(|key| event(&format!("k{key}"), round)).collect();
        enqueue(&outbox, &direct, &events).await;
        if round % 2 == 0 {
            proxy.cut();
        }
    }
    drained(&outbox, &direct).await;
    for key in 0..20 {
        assert_eq!(publisher.numbers(&format!("k{key}")), (0..40).collect::<Vec<_>>(), "k{key}");
    }
    assert_eq!(
        publisher.key_overlaps.load(Ordering::SeqCst),
        0,
        "two events of a key were in flight at once"
    );
    for relay in relays {
        assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
    }
}
