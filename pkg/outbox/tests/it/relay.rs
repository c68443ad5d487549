//! The outbox on PostgreSQL and on SQLite, with a publisher that fails on demand.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::support::{
    Fault, LIMIT, Recorder, TestDatabase, count, drained, enqueue, event, outbox, quick, relay, until,
};
use underpin_database::{Backend, Connections, DatabaseExt, Executor, TxOptions, sql};
use underpin_errors::{HealthCheck, HealthStatus};
use underpin_events::Event;
use underpin_outbox::{AfterQuarantine, OutboxError, OutboxRow, OutboxSettings, RelayDrain};

/// Runs a test body on both databases.
macro_rules! on_both {
    ($($(#[$doc:meta])* async fn $name:ident($database:ident) $body:block)+) => {$(
        mod $name {
            use super::*;

            $(#[$doc])*
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

mod fencing;
mod malformed;
mod poison;
mod takeover;
mod unanswered;
mod wake_up;
mod went_back;

on_both! {
    async fn an_event_is_published_if_and_only_if_its_transaction_commits(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        let relay = relay(&outbox, &database, &publisher, quick());

        let lost = event("a", 1);
        let failed = database.pool.transaction::<(), OutboxError, _, _>(TxOptions::default(), |tx| {
            let (outbox, lost) = (&outbox, &lost);
            async move {
                outbox.enqueue(&tx, lost).await?;
                Err(OutboxError::KeyTooLong { size: 0 })
            }
        });
        failed.await.unwrap_err();

        let dropped = database.pool.begin(TxOptions::default()).await.unwrap();
        outbox.enqueue(&dropped, &event("a", 2)).await.unwrap();
        drop(dropped);

        enqueue(&outbox, &database.pool, &[event("a", 3)]).await;
        until("the committed event is published", || async { publisher.len() == 1 }).await;
        drained(&outbox, &database.pool).await;
        assert_eq!(publisher.numbers("a"), [3]);
        assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
    }

    async fn migrating_twice_and_at_once_is_harmless(database) {
        let outbox = outbox(&database, OutboxSettings::default()).await;
        enqueue(&outbox, &database.pool, &[event("a", 1)]).await;
        let (one, two, three) = tokio::join!(
            outbox.migrate(&database.pool),
            outbox.migrate(&database.pool),
            outbox.migrate(&database.pool)
        );
        one.and(two).and(three).unwrap();
        assert_eq!(count(&database.pool, "SELECT count(*) FROM underpin_outbox").await, 1);
        assert_eq!(count(&database.pool, "SELECT count(*) FROM underpin_outbox_lanes").await, 32);
    }

    /// A newer release has migrated the tables; this one still runs, or runs again after a rollback.
    async fn the_tables_of_a_newer_release_are_used_as_they_are(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        let newer = "INSERT INTO underpin_events_schema (module, version) VALUES ('outbox', 99)";
        database.pool.execute(sql(newer, [])).await.unwrap();
        database.pool.batch("ALTER TABLE underpin_outbox ADD COLUMN tenant text").await.unwrap();
        outbox.migrate(&database.pool).await.unwrap();
        let relay = relay(&outbox, &database, &publisher, quick());
        enqueue(&outbox, &database.pool, &[event("a", 1), event("a", 2)]).await;
        drained(&outbox, &database.pool).await;
        assert_eq!(publisher.numbers("a"), [1, 2]);
        let versions = "SELECT count(*) FROM underpin_events_schema WHERE module = 'outbox' AND version = 99";
        assert_eq!(count(&database.pool, versions).await, 1);
        assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
    }

    async fn order_per_key_holds_with_three_relays_that_come_and_go(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        let mut relays: Vec<_> = (0..3).map(|_| relay(&outbox, &database, &publisher, quick())).collect();
        let keys: Vec<String> = (0..20).map(|key| format!("key-{key}")).collect();
        for round in 0..30 {
            let events: Vec<Event> = keys.iter().flat_map(|key| [event(key, 2 * round), event(key, 2 * round + 1)]).collect();
            enqueue(&outbox, &database.pool, &events).await;
            if round == 10 {
                assert_eq!(relays.pop().unwrap().drain(LIMIT).await, RelayDrain::Drained);
            }
            if round == 15 {
                relays.push(relay(&outbox, &database, &publisher, quick()));
            }
            if round == 20 {
                // Stopped where it is, as a killed process: its leases have to run out.
                drop(relays.remove(0));
            }
        }
        drained(&outbox, &database.pool).await;
        for key in &keys {
            assert_eq!(publisher.numbers(key), (0..60).collect::<Vec<_>>(), "{key}");
        }
        assert_eq!(publisher.key_overlaps.load(Ordering::SeqCst), 0, "two events of a key were in flight at once");
        for relay in relays {
            assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
        }
    }

    async fn a_failing_event_blocks_its_key_and_no_other(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        publisher.fault("bad", Some(Fault::Lost));
        let relays: Vec<_> = (0..2).map(|_| relay(&outbox, &database, &publisher, quick())).collect();
        for number in 0..5 {
            enqueue(&outbox, &database.pool, &[event("bad", number), event("good", number)]).await;
        }
        until("the good key is through", || async { publisher.numbers("good") == [0, 1, 2, 3, 4] }).await;
        for number in 5..10 {
            enqueue(&outbox, &database.pool, &[event("bad", number)]).await;
        }
        until("the bad key is held", || async {
            // Witnesses for whichever worker has the bad key: the failures are the event's own.
            let witnesses: Vec<Event> = (0..64).map(|key| event(&format!("witness-{key}"), 0)).collect();
            enqueue(&outbox, &database.pool, &witnesses).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            count(&database.pool, "SELECT count(*) FROM underpin_outbox_held").await == 10
        }).await;
        assert_eq!(publisher.numbers("bad"), [0_u64; 0]);
        assert_eq!(outbox.lag(&database.pool).await.unwrap().blocked_keys, 1);
        publisher.fault("bad", None);
        drained(&outbox, &database.pool).await;
        assert_eq!(publisher.numbers("bad"), (0..10).collect::<Vec<_>>());
        enqueue(&outbox, &database.pool, &[event("bad", 10)]).await;
        drained(&outbox, &database.pool).await;
        assert_eq!(publisher.numbers("bad"), (0..=10).collect::<Vec<_>>());
        drop(relays);
    }

    async fn an_event_that_was_stored_but_not_confirmed_is_not_stored_twice(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        publisher.fault("a", Some(Fault::StoredUnconfirmed));
        let relay = relay(&outbox, &database, &publisher, quick());
        let first = event("a", 1);
        enqueue(&outbox, &database.pool, &[first.clone(), event("a", 2)]).await;
        until("it was tried twice", || async { publisher.calls(first.id()) >= 2 }).await;
        publisher.fault("a", None);
        drained(&outbox, &database.pool).await;
        assert_eq!(publisher.numbers("a"), [1, 2]);
        assert!(publisher.duplicates.load(Ordering::SeqCst) >= 1);
        drop(relay);
    }

    async fn a_poison_event_is_quarantined_listed_replayed_and_discarded(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        publisher.fault("bad", Some(Fault::TooLarge));
        let relay = relay(&outbox, &database, &publisher, quick());
        let (first, second) = (event("bad", 1), event("bad", 2));
        enqueue(&outbox, &database.pool, &[first.clone(), second.clone()]).await;
        database.pool
            .execute(sql("INSERT INTO underpin_outbox (lane, key, envelope) VALUES (0, 'x', 'no event')", []))
            .await
            .unwrap();
        until("three events are in quarantine", || async {
            outbox.quarantined(&database.pool, None, 10).await.unwrap().len() == 3
        }).await;
        drained(&outbox, &database.pool).await;
        let list = outbox.quarantined(&database.pool, None, 10).await.unwrap();
        assert_eq!(list[0].event().unwrap(), first);
        assert_eq!((list[0].attempts, list[0].key.as_str()), (1, "bad"));
        assert_eq!(list[0].reason, "event of 2 bytes is too large");
        assert!(list[2].event().is_err() && list[2].reason.starts_with("not the JSON of an event"), "{}", list[2].reason);
        assert_eq!(outbox.quarantined(&database.pool, Some(list[0].row), 1).await.unwrap(), [list[1].clone()]);

        publisher.fault("bad", None);
        assert!(outbox.replay(&database.pool, list[0].row).await.unwrap());
        assert!(!outbox.replay(&database.pool, list[0].row).await.unwrap());
        assert!(outbox.discard(&database.pool, list[1].row).await.unwrap());
        assert!(!outbox.discard(&database.pool, list[1].row).await.unwrap());
        drained(&outbox, &database.pool).await;
        assert_eq!(publisher.numbers("bad"), [1]);
        assert_eq!(outbox.quarantined(&database.pool, None, 10).await.unwrap().len(), 1);
        until("health shows the quarantine", || async { relay.check().await.status == HealthStatus::Degraded }).await;
        assert_eq!(relay.check().await.details["quarantined"], 1);
    }

    async fn a_key_goes_on_after_a_quarantine_or_is_held_as_the_settings_say(database) {
        for (policy, before, after) in [
            (AfterQuarantine::Continue, vec![2, 3], vec![2, 3, 1]),
            (AfterQuarantine::Hold, vec![], vec![1, 2, 3]),
        ] {
            let outbox = outbox(&database, OutboxSettings::default().after_quarantine(policy)).await;
            let publisher = Recorder::new();
            let relay = relay(&outbox, &database, &publisher, quick());
            let key = format!("{policy:?}");
            // The first event fails for good; then the fault is gone.
            publisher.fault(&key, Some(Fault::TooLarge));
            enqueue(&outbox, &database.pool, &[event(&key, 1)]).await;
            until("it is in quarantine", || async {
                outbox.quarantined(&database.pool, None, 10).await.unwrap().len() == 1
            }).await;
            publisher.fault(&key, None);
            enqueue(&outbox, &database.pool, &[event(&key, 2), event("other", 0), event(&key, 3)]).await;
            until("others go on", || async { publisher.numbers("other") == [0] }).await;
            until("the later ones are where they should be", || async {
                count(&database.pool, "SELECT count(*) FROM underpin_outbox").await == 0
            }).await;
            assert_eq!(publisher.numbers(&key), before, "{policy:?}");
            let row = outbox.quarantined(&database.pool, None, 10).await.unwrap()[0].row;
            assert!(outbox.replay(&database.pool, row).await.unwrap());
            drained(&outbox, &database.pool).await;
            assert_eq!(publisher.numbers(&key), after, "{policy:?}");
            assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
        }
    }

    async fn an_outage_of_the_broker_shows_in_health_and_no_event_is_blamed(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        publisher.down.store(true, Ordering::SeqCst);
        let mut settings = quick();
        settings.max_attempts = 2;
        let relay = relay(&outbox, &database, &publisher, settings);
        let events: Vec<Event> = (0..50).map(|number| event(&format!("k{}", number % 5), number)).collect();
        enqueue(&outbox, &database.pool, &events).await;
        until("it was tried often", || async { publisher.calls(events[0].id()) >= 5 }).await;
        let health = relay.check().await;
        assert_eq!((health.status, health.reason.as_deref()), (HealthStatus::Degraded, Some("not connected")));
        assert_eq!(count(&database.pool, "SELECT count(*) FROM underpin_outbox").await, 50);
        publisher.down.store(false, Ordering::SeqCst);
        drained(&outbox, &database.pool).await;
        for key in 0..5 {
            let expected: Vec<u64> = (0..10).map(|round| 5 * round + key).collect();
            assert_eq!(publisher.numbers(&format!("k{key}")), expected);
        }
        until("health is up again", || async { relay.check().await.status == HealthStatus::Up }).await;
    }

    /// The next heartbeat is 15 seconds away: the check reads the lag itself.
    async fn health_reports_the_present_lag(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        let relay = relay(&outbox, &database, &publisher, quick().lease(Duration::from_secs(60)));
        let events: Vec<Event> = (0..500).map(|number| event(&format!("k{}", number % 50), number)).collect();
        enqueue(&outbox, &database.pool, &events).await;
        drained(&outbox, &database.pool).await;
        let details = relay.check().await.details;
        assert_eq!((&details["waiting"], &details["oldest_ms"]), (&0.into(), &0.into()));

        // Without an answer from the database the last value stays, with its age.
        database.pool.batch("ALTER TABLE underpin_outbox_held RENAME TO underpin_outbox_gone").await.unwrap();
        until("a read was due and failed", || async {
            let details = relay.check().await.details;
            assert_eq!(details["waiting"], 0);
            details["lag_age_ms"].as_u64().unwrap() >= 1_100
        }).await;
        drop(relay);
    }

    async fn a_publisher_that_never_answers_is_given_up_on_and_the_drain_is_bounded(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        publisher.hangs.store(true, Ordering::SeqCst);
        let mut settings = quick();
        settings.publish_timeout = Duration::from_millis(50);
        let relay = relay(&outbox, &database, &publisher, settings);
        enqueue(&outbox, &database.pool, &[event("a", 1)]).await;
        until("health shows the hang", || async { relay.check().await.status == HealthStatus::Degraded }).await;
        publisher.hangs.store(false, Ordering::SeqCst);
        drained(&outbox, &database.pool).await;
        assert_eq!(publisher.numbers("a"), [1]);

        let mut settings = quick();
        settings.lease = Duration::from_secs(120);
        settings.publish_timeout = Duration::from_secs(60);
        let hung = crate::support::relay(&outbox, &database, &publisher, settings);
        assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
        publisher.hangs.store(true, Ordering::SeqCst);
        publisher.hung.store(0, Ordering::SeqCst);
        enqueue(&outbox, &database.pool, &[event("a", 2)]).await;
        until("a publish hangs", || async { publisher.hung.load(Ordering::SeqCst) > 0 }).await;
        let started = Instant::now();
        assert_eq!(hung.drain(Duration::from_millis(100)).await, RelayDrain::TimedOut);
        assert!(started.elapsed() < Duration::from_secs(20), "the drain took {:?}", started.elapsed());
        assert_eq!(hung.check().await.status, HealthStatus::Down);
    }

    async fn the_partitions_of_a_dead_relay_are_taken_over(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        let dead = relay(&outbox, &database, &publisher, quick());
        let owned = || async { count(&database.pool, "SELECT count(*) FROM underpin_outbox_lanes WHERE owner IS NOT NULL").await };
        until("it owns every partition", || async { owned().await == 32 }).await;
        drop(dead);
        enqueue(&outbox, &database.pool, &[event("a", 1)]).await;
        let started = Instant::now();
        let heir = relay(&outbox, &database, &publisher, quick());
        until("the heir has published", || async { publisher.len() == 1 }).await;
        assert!(started.elapsed() < Duration::from_secs(20), "it took {:?}", started.elapsed());
        drop(heir);
    }

    async fn three_relays_share_the_partitions_evenly(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        let mut settings = quick();
        settings.workers = 1;
        let relays: Vec<_> = (0..3).map(|_| relay(&outbox, &database, &publisher, settings.clone())).collect();
        let text = "SELECT count(*) FROM (SELECT owner FROM underpin_outbox_lanes WHERE owner IS NOT NULL \
            GROUP BY owner HAVING count(*) BETWEEN 10 AND 11) o";
        until("each has its share", || async { count(&database.pool, text).await == 3 }).await;
        for relay in relays {
            assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
        }
        let text = "SELECT count(*) FROM underpin_outbox_lanes WHERE owner IS NOT NULL";
        assert_eq!(count(&database.pool, text).await, 0, "a drained relay releases its partitions");
        assert_eq!(count(&database.pool, "SELECT count(*) FROM underpin_outbox_relays").await, 0);
    }

    async fn sent_events_are_kept_for_a_time_when_asked_for(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        let mut settings = quick();
        settings.lease = Duration::from_millis(400);
        settings.publish_timeout = Duration::from_millis(200);
        settings.keep_sent = Some(Duration::from_secs(2));
        let relay = relay(&outbox, &database, &publisher, settings);
        enqueue(&outbox, &database.pool, &[event("a", 1), event("a", 2)]).await;
        drained(&outbox, &database.pool).await;
        assert_eq!(count(&database.pool, "SELECT count(*) FROM underpin_outbox_sent").await, 2);
        until("they are swept", || async {
            count(&database.pool, "SELECT count(*) FROM underpin_outbox_sent").await == 0
        }).await;
        drop(relay);
    }

    async fn a_transaction_of_sea_orm_alone_can_enqueue(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        let relay = relay(&outbox, &database, &publisher, quick());
        let url = database.pool.settings().url.expose().clone();
        let orm = underpin_database::sea_orm::Database::connect(url).await.unwrap();
        let tx = underpin_database::sea_orm::TransactionTrait::begin(&orm).await.unwrap();
        outbox.enqueue(&tx, &event("a", 1)).await.unwrap();
        tx.commit().await.unwrap();
        until("it is published", || async { publisher.len() == 1 }).await;
        drop(relay);
        orm.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_transaction_of_sqlx_alone_can_enqueue() {
    let database = TestDatabase::postgres().await;
    let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
    let relay = relay(&outbox, &database, &publisher, quick());
    let sqlx = sqlx::PgPool::connect(database.pool.settings().url.expose()).await.unwrap();
    let enqueue = async |numbers: std::ops::Range<u64>, commit: bool| {
        let mut tx = sqlx.begin().await.unwrap();
        let rows: Vec<_> = numbers.map(|number| outbox.row(&event("a", number)).unwrap()).collect();
        let insert = OutboxRow::insert_many(Backend::Postgres, rows.len());
        let mut query = sqlx::query(sqlx::AssertSqlSafe(insert));
        for row in rows {
            query = query.bind(row.partition).bind(row.key).bind(row.envelope);
        }
        query.execute(&mut *tx).await.unwrap();
        let ended = if commit { tx.commit().await } else { tx.rollback().await };
        ended.unwrap();
        outbox.wake();
    };
    enqueue(0..1, true).await;
    enqueue(1..50, false).await;
    enqueue(50..53, true).await;
    drained(&outbox, &database.pool).await;
    assert_eq!(publisher.numbers("a"), [0, 50, 51, 52]);
    assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
    sqlx.close().await;
}

#[tokio::test]
async fn a_row_that_commits_late_is_neither_lost_nor_overtaken_by_its_key() {
    let database = TestDatabase::postgres().await;
    let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
    let relay = relay(&outbox, &database, &publisher, quick());
    // An id is drawn, and the transaction stays open while a thousand later ones come and go.
    let slow = database.pool.begin(TxOptions::default()).await.unwrap();
    outbox.enqueue(&slow, &event("a", 1)).await.unwrap();
    for round in 0..100 {
        let events: Vec<Event> = (0..10).map(|number| event(&format!("b{number}"), round)).collect();
        enqueue(&outbox, &database.pool, &events).await;
    }
    until("the others are through", || async { publisher.len() == 1000 }).await;
    let marks = count(&database.pool, "SELECT max(floor) FROM underpin_outbox_lanes").await;
    assert_eq!(marks, 0, "no low-water mark passes an id that may still appear");
    slow.commit().await.unwrap();
    enqueue(&outbox, &database.pool, &[event("a", 2)]).await;
    until("both are published", || async { publisher.numbers("a").len() == 2 }).await;
    assert_eq!(publisher.numbers("a"), [1, 2]);
    until("the low-water marks follow", || async {
        count(&database.pool, "SELECT min(floor) FROM underpin_outbox_lanes").await >= 1000
    })
    .await;
    assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
}

#[tokio::test]
async fn two_relays_in_two_pools_never_work_on_one_key_at_once() {
    let database = TestDatabase::postgres().await;
    let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
    let events: Vec<Event> = (0..2000).map(|number| event(&format!("k{}", number % 7), number)).collect();
    enqueue(&outbox, &database.pool, &events).await;
    let mut settings = quick();
    // No lease ends while it runs, however busy the machine is.
    settings.lease = LIMIT * 2;
    settings.publish_timeout = LIMIT;
    let relays: Vec<_> = (0..4).map(|_| relay(&outbox, &database, &publisher, settings.clone())).collect();
    drained(&outbox, &database.pool).await;
    for key in 0..7_u64 {
        let expected: Vec<u64> = (0..2000).filter(|number| number % 7 == key).collect();
        assert_eq!(publisher.numbers(&format!("k{key}")), expected);
    }
    assert_eq!(publisher.duplicates.load(Ordering::SeqCst), 0, "an event was published twice without need");
    drop((relays, Arc::clone(&publisher)));
}
