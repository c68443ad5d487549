//! Both idempotency stores against the same expectations.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use support::{connect, settings};
use underpin_events::testing::MockIdempotencyStore;
use underpin_events::{
    Claim, Delivery, Event, EventHandler, EventsError, IdempotencyStore, IdempotentHandler,
    JetStreamIdempotencyStore, MemoryIdempotencyStore, Outcome, handler_fn,
};
use underpin_testkit::NatsServer;

const LEASE: Duration = Duration::from_secs(30);

async fn behaves(store: Arc<dyn IdempotencyStore>) {
    let key = "projection//orders/ä key with \"anything\" in it";
    assert_eq!(store.claim(key, LEASE).await.unwrap(), Claim::Granted);
    assert_eq!(store.claim(key, LEASE).await.unwrap(), Claim::Held);
    store.release(key).await.unwrap();
    assert_eq!(store.claim(key, LEASE).await.unwrap(), Claim::Granted, "a released key can be claimed again");
    store.complete(key).await.unwrap();
    store.complete(key).await.unwrap();
    assert_eq!(store.claim(key, LEASE).await.unwrap(), Claim::Done);
    store.release(key).await.unwrap();
    assert_eq!(store.claim(key, LEASE).await.unwrap(), Claim::Done, "what is done stays done");
    store.release("never claimed").await.unwrap();

    assert_eq!(store.claim("short", Duration::from_millis(50)).await.unwrap(), Claim::Granted);
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert_eq!(
        store.claim("short", LEASE).await.unwrap(),
        Claim::Granted,
        "a lease that is over can be taken"
    );

    for key in ["race", "short-race"] {
        if key == "short-race" {
            assert_eq!(store.claim(key, Duration::from_millis(1)).await.unwrap(), Claim::Granted);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let claims = join_all((0..20).map(|_| store.claim(key, LEASE))).await;
        let granted = claims.into_iter().filter(|claim| matches!(claim, Ok(Claim::Granted))).count();
        assert_eq!(granted, 1, "of many claims of `{key}` exactly one is granted");
    }
}

#[tokio::test]
async fn the_memory_store_behaves() {
    behaves(Arc::new(MemoryIdempotencyStore::default())).await;
}

#[tokio::test]
async fn the_jetstream_store_behaves_and_is_shared() {
    let server = NatsServer::private().await;
    let (one, other) = (connect(&settings(&server)).await, connect(&settings(&server)).await);
    let open =
        async |bus| JetStreamIdempotencyStore::open(bus, "handled", Duration::from_secs(3600)).await.unwrap();
    let store = open(&one).await;
    behaves(Arc::new(store)).await;
    let shared = open(&other).await;
    assert_eq!(shared.claim("race", LEASE).await.unwrap(), Claim::Held);
}

#[tokio::test]
async fn an_event_whose_claim_cannot_be_read_is_retried_and_not_handled() {
    let mut store = MockIdempotencyStore::new();
    store.expect_claim().returning(|_, _| Err(EventsError::Disconnected));
    let handler = handler_fn(|_| async { panic!("must not be called") });
    let once = IdempotentHandler::new("s", Arc::new(store), handler);
    let event = Event::builder("t", "/s").build().unwrap();
    assert!(
        matches!(once.handle(Delivery::new(event)).await, Outcome::Retry { reason, .. } if reason.contains("not connected"))
    );
}

#[tokio::test]
async fn a_failed_attempt_gives_its_claim_back_and_a_dead_letter_too() {
    for outcome in [Outcome::retry("later"), Outcome::dead_letter("never")] {
        let mut store = MockIdempotencyStore::new();
        store.expect_claim().withf(|key, _| key == "s/2:/s:e-1").once().returning(|_, _| Ok(Claim::Granted));
        store.expect_release().once().returning(|_| Ok(()));
        let expected = outcome.clone();
        let handler = handler_fn(move |_| {
            let outcome = outcome.clone();
            async move { outcome }
        });
        let once = IdempotentHandler::new("s", Arc::new(store), handler);
        let event = Event::builder("t", "/s").id("e-1").build().unwrap();
        assert_eq!(once.handle(Delivery::new(event)).await, expected);
    }
}
