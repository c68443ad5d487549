//! What is poison and what is an outage.

use std::sync::atomic::Ordering;
use std::time::Duration;

use underpin_errors::{HealthCheck, HealthStatus};
use underpin_events::Event;
use underpin_outbox::{AfterQuarantine, OutboxSettings, RelayDrain};

use crate::support::{
    Fault, LIMIT, Recorder, TestDatabase, count, drained, enqueue, event, outbox, quick, relay, until,
};

on_both! {
    /// There is never more than one other event, mostly none, when it is tried.
    async fn an_event_that_fails_alone_is_poison_once_others_have_gone_through(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        publisher.fault("bad", Some(Fault::Lost));
        let mut settings = quick();
        settings.max_attempts = 5;
        let relay = relay(&outbox, &database, &publisher, settings);
        let bad = event("bad", 1);
        enqueue(&outbox, &database.pool, &[bad.clone(), event("bad", 2)]).await;
        until("it was tried more often than that", || async { publisher.calls(bad.id()) > 8 }).await;
        assert!(outbox.quarantined(&database.pool, None, 10).await.unwrap().is_empty(), "nothing speaks against it");
        let is_quarantined = || async { !outbox.quarantined(&database.pool, None, 10).await.unwrap().is_empty() };
        for number in 1.. {
            enqueue(&outbox, &database.pool, &[event("good", number)]).await;
            until("the good one is through", || async { publisher.numbers("good").last() == Some(&number) }).await;
            // So that they meet by chance only.
            let tried = publisher.calls(bad.id());
            until("the bad one was tried", || async { publisher.calls(bad.id()) > tried || is_quarantined().await }).await;
            if is_quarantined().await {
                break;
            }
            assert!(number < 50, "it is tried for ever");
        }
        let list = outbox.quarantined(&database.pool, None, 10).await.unwrap();
        assert_eq!((list[0].event().unwrap(), list[0].attempts), (bad, 5));
        publisher.fault("bad", None);
        drained(&outbox, &database.pool).await;
        assert_eq!(publisher.numbers("bad"), [2], "the next of its key goes on");
        assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
    }

    async fn a_broker_that_confirms_nothing_for_long_puts_nothing_into_quarantine(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        let relay = relay(&outbox, &database, &publisher, quick());
        // One is held already when it begins.
        publisher.fault("held", Some(Fault::Lost));
        let held = event("held", 0);
        enqueue(&outbox, &database.pool, std::slice::from_ref(&held)).await;
        until("it is held", || async {
            enqueue(&outbox, &database.pool, &[event("good", 0)]).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            count(&database.pool, "SELECT count(*) FROM underpin_outbox_held").await == 1
        }).await;
        publisher.failing_per_cent.store(100, Ordering::SeqCst);
        let before = publisher.calls(held.id());
        let events: Vec<Event> = (0..20).map(|number| event(&format!("k{}", number % 4), number)).collect();
        enqueue(&outbox, &database.pool, &events).await;
        until("all of it was tried more often than counts", || async {
            publisher.calls(held.id()) > before + 30 && publisher.calls(events[3].id()) > 30
        }).await;
        assert_eq!(relay.check().await.status, HealthStatus::Degraded);
        publisher.failing_per_cent.store(0, Ordering::SeqCst);
        publisher.fault("held", None);
        drained(&outbox, &database.pool).await;
        assert!(outbox.quarantined(&database.pool, None, 10).await.unwrap().is_empty());
        assert_eq!(publisher.numbers("held"), [0]);
        for key in 0..4 {
            let expected: Vec<u64> = (0..5).map(|round| 4 * round + key).collect();
            assert_eq!(publisher.numbers(&format!("k{key}")), expected, "k{key}");
        }
    }

    /// Nine publishes of ten fail by chance. Were each failure in company counted, one event of eight would end in quarantine.
    async fn a_broker_that_is_mostly_down_puts_nothing_into_quarantine(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        publisher.failing_per_cent.store(90, Ordering::SeqCst);
        let relay = relay(&outbox, &database, &publisher, quick());
        let events: Vec<Event> = (0..100).map(|number| event(&format!("k{}", number % 50), number / 50)).collect();
        enqueue(&outbox, &database.pool, &events).await;
        drained(&outbox, &database.pool).await;
        assert!(outbox.quarantined(&database.pool, None, 10).await.unwrap().is_empty());
        for key in 0..50 {
            assert_eq!(publisher.numbers(&format!("k{key}")), [0, 1], "k{key}");
        }
        assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
    }

    /// With one key alone nothing distinguishes poison from an outage; health names the row, and an operator decides.
    async fn an_operator_quarantines_the_row_at_which_the_relay_stalls(database) {
        for (policy, after) in [(AfterQuarantine::Continue, vec![2, 3]), (AfterQuarantine::Hold, vec![])] {
            let outbox = outbox(&database, OutboxSettings::default().after_quarantine(policy)).await;
            let publisher = Recorder::new();
            let relay = relay(&outbox, &database, &publisher, quick());
            let (key, bad) = (format!("{policy:?}"), event(&format!("{policy:?}"), 1));
            publisher.fault(&key, Some(Fault::Lost));
            let second = event(&key, 2);
            enqueue(&outbox, &database.pool, &[bad.clone(), second.clone(), event(&key, 3)]).await;
            let stalled = || async { relay.check().await.details.get("trouble_at_row").and_then(serde_json::Value::as_i64) };
            until("health names the row", || async { stalled().await.is_some() }).await;
            let row = stalled().await.unwrap();
            assert!(outbox.quarantine(&database.pool, row, "not wanted").await.unwrap());
            assert!(!outbox.quarantine(&database.pool, row, "not wanted").await.unwrap());
            until("the relay has seen it", || async {
                match policy {
                    AfterQuarantine::Hold => count(&database.pool, "SELECT count(*) FROM underpin_outbox_held").await == 3,
                    _ => publisher.calls(second.id()) > 0,
                }
            }).await;
            publisher.fault(&key, None);
            until("the later ones are where they should be", || async { publisher.numbers(&key) == after }).await;
            let list = outbox.quarantined(&database.pool, None, 10).await.unwrap();
            assert_eq!((list[0].event().unwrap(), list[0].attempts, list[0].reason.as_str()), (bad, 0, "not wanted"));
            // Discarded, it no longer holds anything up.
            assert!(outbox.discard(&database.pool, row).await.unwrap());
            drained(&outbox, &database.pool).await;
            assert_eq!(publisher.numbers(&key), [2, 3]);
            assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
        }
    }

    async fn an_operator_quarantines_what_is_held(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        let relay = relay(&outbox, &database, &publisher, quick());
        publisher.fault("bad", Some(Fault::Lost));
        let second = event("bad", 2);
        enqueue(&outbox, &database.pool, &[event("bad", 1), second.clone()]).await;
        let held = "SELECT count(*) FROM underpin_outbox_held";
        until("both are held", || async {
            enqueue(&outbox, &database.pool, &[event("good", 0)]).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            count(&database.pool, held).await == 2
        }).await;
        let row = count(&database.pool, "SELECT min(id) FROM underpin_outbox_held").await;
        assert!(outbox.quarantine(&database.pool, row, "not wanted").await.unwrap());
        until("the next of its key is tried", || async { publisher.calls(second.id()) > 0 }).await;
        publisher.fault("bad", None);
        drained(&outbox, &database.pool).await;
        assert_eq!(publisher.numbers("bad"), [2]);
        assert!(outbox.replay(&database.pool, row).await.unwrap());
        drained(&outbox, &database.pool).await;
        assert_eq!(publisher.numbers("bad"), [2, 1]);
        drop(relay);
    }

    async fn a_reason_is_readable_whatever_it_was_made_of(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        let mut settings = quick();
        settings.max_attempts = 2;
        let relay = relay(&outbox, &database, &publisher, settings);
        let texts = ["a \0 b", "a\r\nNats-Msg-Id: forged\r\n\r\nb", "", "ü\u{7f}\u{85}\u{2028}"];
        for (number, text) in texts.into_iter().enumerate() {
            publisher.fault(&format!("bad-{number}"), Some(Fault::Text(text)));
            enqueue(&outbox, &database.pool, &[event(&format!("bad-{number}"), 0)]).await;
        }
        let mut number = 0;
        until("all are in quarantine", || {
            number += 1;
            let (outbox, pool) = (&outbox, &database.pool);
            async move {
                // Others are confirmed meanwhile, so that the failures count.
                let others: Vec<Event> = (0..32).map(|key| event(&format!("good-{key}"), number)).collect();
                enqueue(outbox, pool, &others).await;
                outbox.lag(pool).await.unwrap().quarantined == 4
            }
        }).await;
        drained(&outbox, &database.pool).await;
        // An operator's own words, pasted from a log.
        let waiting = event("operator", 1);
        assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
        enqueue(&outbox, &database.pool, std::slice::from_ref(&waiting)).await;
        let row = count(&database.pool, "SELECT id FROM underpin_outbox").await;
        assert!(outbox.quarantine(&database.pool, row, "pasted \0 from a\nlog").await.unwrap());
        let held = outbox.quarantined(&database.pool, None, 10).await.unwrap();
        assert_eq!(held.last().unwrap().reason, "pasted   from a log");
        // A second reason, for one that is held already, takes another path.
        assert!(outbox.replay(&database.pool, row).await.unwrap());
        let long = "\0".repeat(500_000);
        assert!(outbox.quarantine(&database.pool, row, &long).await.unwrap());
        let held = outbox.quarantined(&database.pool, None, 10).await.unwrap();
        assert_eq!(held.last().unwrap().reason, " ".repeat(1000));
        for event in held {
            assert!(event.event().is_ok() && !event.reason.contains(char::is_control), "{:?}", event.reason);
        }
    }

    async fn an_outage_that_only_held_events_meet_shows_in_health(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        publisher.fault("held", Some(Fault::Lost));
        let mut settings = quick();
        settings.max_attempts = 1000;
        let relay = relay(&outbox, &database, &publisher, settings);
        let held = event("held", 0);
        enqueue(&outbox, &database.pool, std::slice::from_ref(&held)).await;
        until("it is held", || async {
            let others: Vec<Event> = (0..32).map(|key| event(&format!("good-{key}"), 0)).collect();
            enqueue(&outbox, &database.pool, &others).await;
            count(&database.pool, "SELECT count(*) FROM underpin_outbox_held").await == 1
        }).await;
        until("nothing else waits", || async {
            count(&database.pool, "SELECT count(*) FROM underpin_outbox").await == 0
        }).await;
        publisher.down.store(true, Ordering::SeqCst);
        publisher.fault("held", None);
        until("health shows the outage", || async {
            let health = relay.check().await;
            (health.status, health.reason.as_deref()) == (HealthStatus::Degraded, Some("not connected"))
        }).await;
        let calls = publisher.calls(held.id());
        until("it was retried", || async { publisher.calls(held.id()) > calls + 2 }).await;
        assert_eq!(relay.check().await.status, HealthStatus::Degraded, "it does not come and go with each retry");
        publisher.down.store(false, Ordering::SeqCst);
        drained(&outbox, &database.pool).await;
        until("health is up again", || async { relay.check().await.status == HealthStatus::Up }).await;
        assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
    }
}
