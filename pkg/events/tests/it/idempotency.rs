//! Both idempotency stores against the same expectations.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::support::{connect, settings};
use futures_util::future::join_all;
use underpin_events::conformance::eventually;
use underpin_events::memory::MemoryBus;
use underpin_events::testing::MockIdempotencyStore;
use underpin_events::{
    Claim, ClaimToken, DeadLetterQueue, Delivery, Event, EventHandler, EventPublisher, EventSubscriber,
    EventsError, IdempotencyStore, IdempotentHandler, JetStreamIdempotencyStore, MemoryIdempotencyStore,
    Order, Outcome, StartPosition, SubscribeOptions, handler_fn,
};
use underpin_testkit::NatsServer;

const LEASE: Duration = Duration::from_secs(30);

fn granted(claim: Claim) -> ClaimToken {
    match claim {
        Claim::Granted(token) => token,
        other => panic!("{other:?}"),
    }
}

async fn behaves(store: Arc<dyn IdempotencyStore>) {
    let key = "projection//orders/ä key with \"anything\" in it";
    let claim = async |key, lease| store.claim(key, lease).await.unwrap();
    let token = granted(claim(key, LEASE).await);
    assert_eq!(claim(key, LEASE).await, Claim::Held);
    store.release(key, token).await.unwrap();
    let token = granted(claim(key, LEASE).await);
    store.complete(key).await.unwrap();
    store.complete(key).await.unwrap();
    assert_eq!(claim(key, LEASE).await, Claim::Done);
    store.release(key, token).await.unwrap();
    assert_eq!(claim(key, LEASE).await, Claim::Done, "what is done stays done");

    let late = granted(claim("short", Duration::from_millis(50)).await);
    tokio::time::sleep(Duration::from_millis(120)).await;
    let taken = granted(claim("short", LEASE).await);
    store.release("short", late).await.unwrap();
    assert_eq!(claim("short", LEASE).await, Claim::Held, "whoever is late gives back nothing of others");
    store.release("short", taken).await.unwrap();
    store.release("short", taken).await.unwrap();
    granted(claim("short", LEASE).await);

    // Ids of other producers are part of the key, whatever they hold and however long they are.
    let (long, longer) = ("x".repeat(5_000), "x".repeat(5_001));
    for key in ["", "\0", "a\r\nb", "*.>", "..", &long, &longer] {
        let token = granted(claim(key, Duration::MAX).await);
        assert_eq!(claim(key, LEASE).await, Claim::Held, "{key:?}");
        store.release(key, token).await.unwrap();
        store.complete(key).await.unwrap();
        assert_eq!(claim(key, LEASE).await, Claim::Done, "{key:?}");
    }

    for key in ["race", "short-race"] {
        if key == "short-race" {
            granted(claim(key, Duration::from_millis(1)).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let claims = join_all((0..20).map(|_| store.claim(key, LEASE))).await;
        let granted = claims.into_iter().filter(|claim| matches!(claim, Ok(Claim::Granted(_)))).count();
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
    for retention in [Duration::ZERO, Duration::MAX] {
        let refused = JetStreamIdempotencyStore::open(&one, "refused", retention).await;
        assert!(matches!(refused, Err(EventsError::InvalidOption { option, .. }) if option == "retention"));
    }
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
    const TOKEN: ClaimToken = ClaimToken::new(7);
    for outcome in [Outcome::retry("later"), Outcome::dead_letter("never")] {
        let mut store = MockIdempotencyStore::new();
        store
            .expect_claim()
            .withf(|key, _| key == "s/2:/s:e-1")
            .once()
            .returning(|_, _| Ok(Claim::Granted(TOKEN)));
        store
            .expect_release()
            .withf(|key, token| key == "s/2:/s:e-1" && *token == TOKEN)
            .once()
            .returning(|_, _| Ok(()));
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

/// However a call ends without an outcome, its claim ends with it, and every attempt is a real one.
#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_or_panics_gives_its_claim_back() {
    for order in [Order::None, Order::PerKey, Order::Strict] {
        let (bus, calls) = (MemoryBus::new(), Arc::new(AtomicU32::new(0)));
        let counted = Arc::clone(&calls);
        let handler = handler_fn(move |_| {
            let call = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                match call {
                    0 => std::future::pending::<Outcome>().await,
                    1 => panic!("as it happens"),
                    _ => Outcome::ack(),
                }
            }
        });
        let once = IdempotentHandler::new("s", Arc::new(MemoryIdempotencyStore::default()), handler);
        let options = SubscribeOptions::new("s").order(order).max_attempts(3);
        let subscription =
            bus.subscribe(options.handler_timeout(Duration::from_secs(1)), Arc::new(once)).await.unwrap();
        bus.publish(Event::builder("t", "/s").build().unwrap()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(calls.load(Ordering::SeqCst), 3, "{order:?}");
        assert_eq!(bus.list(0, 10).await.unwrap().len(), 0, "{order:?}");
        assert!(subscription.lag().await.unwrap().is_zero(), "{order:?}");
    }
}

/// A process that died leaves its claim. Whoever gets the event waits for the lease, and has all of its attempts then.
async fn waits_for_a_claim(
    bus: Arc<dyn EventPublisher>,
    subscriber: &dyn EventSubscriber,
    store: Arc<dyn IdempotencyStore>,
    lease: Duration,
    order: Order,
) {
    let event = Event::builder("t", "/s").build().unwrap();
    let name = format!("{order:?}");
    let key = format!("{name}/{}", event.message_id());
    granted(store.claim(&key, lease).await.unwrap());
    let claimed = tokio::time::Instant::now();
    let (seen, mut attempts) = tokio::sync::mpsc::unbounded_channel();
    let handler = handler_fn(move |delivery| {
        seen.send((delivery.event().id().to_owned(), delivery.attempt())).unwrap();
        async { Outcome::ack() }
    });
    let once = Arc::new(IdempotentHandler::new(name.as_str(), store, handler));
    let options = SubscribeOptions::new(name).start(StartPosition::Next).order(order);
    let options = options.max_attempts(1).concurrency(1);
    let subscription = subscriber.subscribe(options.handler_timeout(lease), once).await.unwrap();
    let free = Event::builder("t", "/s").subject("another").build().unwrap();
    let (held, free_id) = (event.id().to_owned(), free.id().to_owned());
    bus.publish(event).await.unwrap();
    bus.publish(free).await.unwrap();
    let mut expected = vec![held, free_id];
    if order == Order::None {
        // The others need not wait, not even where one is handled at a time.
        expected.reverse();
    }
    for id in expected {
        let next = tokio::time::timeout(LEASE * 2, attempts.recv()).await.expect("it is handled in the end");
        assert_eq!(next, Some((id, 1)), "{order:?}");
    }
    assert!(claimed.elapsed() >= lease, "{order:?}: {:?}", claimed.elapsed());
    eventually(LEASE, "all is done", || async { subscription.lag().await.is_ok_and(|lag| lag.is_zero()) })
        .await;
    let _ = subscription.drain(LEASE).await;
}

#[tokio::test(start_paused = true)]
async fn a_claim_of_a_process_that_died_costs_no_attempt() {
    for order in [Order::None, Order::PerKey, Order::Strict] {
        let bus = MemoryBus::new();
        let store = Arc::new(MemoryIdempotencyStore::default());
        waits_for_a_claim(Arc::new(bus.clone()), &bus, store, LEASE, order).await;
        assert_eq!(bus.list(0, 10).await.unwrap().len(), 0, "{order:?}");
    }
}

#[tokio::test]
async fn a_claim_in_jetstream_costs_no_attempt_either() {
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    let store = JetStreamIdempotencyStore::open(&bus, "handled", Duration::from_secs(3600)).await.unwrap();
    let store: Arc<dyn IdempotencyStore> = Arc::new(store);
    for order in [Order::None, Order::PerKey] {
        let lease = Duration::from_secs(3);
        waits_for_a_claim(Arc::new(bus.clone()), &bus, Arc::clone(&store), lease, order).await;
    }
    assert_eq!(bus.list(0, 10).await.unwrap().len(), 0);
    gives_back_what_is_dropped(store).await;
}

#[tokio::test]
async fn a_dropped_call_gives_its_claim_back_in_memory() {
    gives_back_what_is_dropped(Arc::new(MemoryIdempotencyStore::default())).await;
}

async fn gives_back_what_is_dropped(store: Arc<dyn IdempotencyStore>) {
    let hangs = handler_fn(|_| std::future::pending::<Outcome>());
    let once = IdempotentHandler::new("dropped", Arc::clone(&store), hangs);
    let event = Event::builder("t", "/s").build().unwrap();
    let key = format!("dropped/{}", event.message_id());
    let call = once.handle(Delivery::new(event));
    tokio::time::timeout(Duration::from_millis(500), call).await.expect_err("it hangs");
    eventually(LEASE / 3, "the claim is given back", || async {
        store.claim(&key, LEASE).await.is_ok_and(Claim::is_granted)
    })
    .await;
}
