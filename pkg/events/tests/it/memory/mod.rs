//! What the in-memory bus does beyond the suite: its limits, time under the control of a test, and the journal.

mod conformance;
mod journal;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use underpin_errors::{HealthCheck, HealthStatus};
use underpin_events::conformance::Recorder;
use underpin_events::memory::{JournalSettings, MemoryBus, MemorySettings};
use underpin_events::{
    Backoff, DeadLetterQueue, Event, EventPublisher, EventSubscriber, EventsError, Order, Outcome,
    SubscribeOptions, handler_fn,
};
use underpin_logger::testing::CaptureLogger;
use underpin_logger::{Level, NoopLogger};

fn event(n: usize) -> Event {
    Event::builder("order.placed", "/memory").id(n.to_string()).build().unwrap()
}

fn small(max_events: usize) -> MemoryBus {
    let mut settings = MemorySettings::default();
    settings.max_events = max_events;
    settings.max_event_size = 500;
    MemoryBus::with_settings(settings, Arc::new(NoopLogger)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_day_of_back_off_takes_no_time_in_a_test() {
    let bus = MemoryBus::new();
    let started = Instant::now();
    let (seen, mut attempts) = tokio::sync::mpsc::unbounded_channel();
    let handler = handler_fn(move |delivery| {
        seen.send((delivery.attempt(), started.elapsed())).unwrap();
        async { Outcome::retry_after(Duration::from_secs(6 * 3600), "tomorrow") }
    });
    let real = std::time::Instant::now();
    let _subscription = bus.subscribe(SubscribeOptions::new("s").max_attempts(5), handler).await.unwrap();
    bus.publish(event(1)).await.unwrap();
    for attempt in 1..=5_u32 {
        let (number, at) = attempts.recv().await.unwrap();
        assert_eq!((number, at.as_secs() / 3600), (attempt, u64::from(attempt - 1) * 6));
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(bus.list(0, 10).await.unwrap().len(), 1);
    assert!(real.elapsed() < Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_handler_timeout_is_virtual_too() {
    let bus = MemoryBus::new();
    let handler = handler_fn(|_| async { std::future::pending::<Outcome>().await });
    let options = SubscribeOptions::new("s")
        .max_attempts(2)
        .backoff(Backoff::new(Duration::from_secs(1), Duration::from_secs(1)));
    let _subscription =
        bus.subscribe(options.handler_timeout(Duration::from_secs(3600)), handler).await.unwrap();
    bus.publish(event(1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(7300)).await;
    let dead_letters = bus.list(0, 10).await.unwrap();
    assert_eq!((dead_letters.len(), dead_letters[0].reason.as_str()), (1, "handler exceeded 3600000 ms"));
}

/// With default options: a database that is away for a minute, as it is at a restart or a fail-over.
#[tokio::test(start_paused = true)]
async fn a_dependency_that_is_away_for_a_minute_makes_no_dead_letter() {
    const OUTAGE: Duration = Duration::from_secs(60);
    for order in [Order::None, Order::PerKey, Order::Strict] {
        let (bus, started) = (MemoryBus::new(), Instant::now());
        let handler = handler_fn(move |_| async move {
            if started.elapsed() < OUTAGE { Outcome::retry("database is away") } else { Outcome::ack() }
        });
        let options = SubscribeOptions::new("s").order(order);
        let subscription = bus.subscribe(options, handler).await.unwrap();
        for n in 0..60 {
            bus.publish(event(n)).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        // The longest wait of the back-off later everything is done.
        tokio::time::sleep(Duration::from_secs(31)).await;
        assert_eq!(bus.list(0, 10).await.unwrap().len(), 0, "{order:?}");
        assert!(subscription.lag().await.unwrap().is_zero(), "{order:?}");
    }
}

/// The other end of the same default: what never succeeds is given up within minutes.
#[tokio::test(start_paused = true)]
async fn what_always_fails_is_a_dead_letter_after_two_to_five_minutes() {
    let (bus, started) = (MemoryBus::new(), Instant::now());
    let handler = handler_fn(|_| async { Outcome::retry("always") });
    let _subscription = bus.subscribe(SubscribeOptions::new("s"), handler).await.unwrap();
    for n in 0..100 {
        bus.publish(event(n)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(bus.list(0, 1000).await.unwrap().len(), 0, "given up after {:?}", started.elapsed());
    tokio::time::sleep(Duration::from_secs(180)).await;
    let dead_letters = bus.list(0, 1000).await.unwrap();
    assert_eq!(dead_letters.len(), 100);
    assert!(dead_letters.iter().all(|dead_letter| dead_letter.attempts == 16));
}

#[tokio::test(start_paused = true)]
async fn a_message_id_is_forgotten_after_the_duplicate_window() {
    let bus = MemoryBus::new();
    assert!(!bus.publish(event(1)).await.unwrap().duplicate);
    tokio::time::advance(Duration::from_secs(119)).await;
    assert!(bus.publish(event(1)).await.unwrap().duplicate);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(!bus.publish(event(1)).await.unwrap().duplicate);
}

#[tokio::test]
async fn a_full_bus_refuses_while_a_subscription_needs_the_oldest_and_drops_it_otherwise() {
    let bus = small(10);
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let waiting = Arc::clone(&gate);
    let handler = handler_fn(move |_| {
        let gate = Arc::clone(&waiting);
        async move {
            gate.acquire().await.unwrap().forget();
            Outcome::ack()
        }
    });
    let subscription = bus.subscribe(SubscribeOptions::new("slow"), handler).await.unwrap();
    for n in 0..10 {
        bus.publish(event(n)).await.unwrap();
    }
    assert!(matches!(bus.publish(event(10)).await, Err(EventsError::StreamFull)));
    gate.add_permits(100);
    underpin_events::conformance::eventually(Duration::from_secs(5), "there is room", || async {
        bus.publish(event(11)).await.is_ok()
    })
    .await;
    let _ = subscription.drain(Duration::from_secs(5)).await;
    // No process runs the subscription, so it delays no publisher.
    for n in 100..200 {
        bus.publish(event(n)).await.unwrap();
    }
    let late = Recorder::acking();
    let _again = bus.subscribe(SubscribeOptions::new("slow"), late.handler()).await.unwrap();
    let seen = late.wait_for(10, Duration::from_secs(5)).await;
    assert!(seen.iter().all(|seen| seen.event.id().parse::<usize>().unwrap() >= 190));
}

/// What a subscription does not want it does not need, wherever its cursor stands: unseen behind something it wants, or
/// after a restart.
#[tokio::test]
async fn events_without_a_subscriber_never_fill_a_bus() {
    let folder = tempfile::tempdir().unwrap();
    for (journal, order) in [(false, Order::None), (true, Order::None), (true, Order::Strict)] {
        let mut settings = MemorySettings::default();
        settings.max_events = 10;
        settings.journal = journal.then(|| JournalSettings::new(folder.path().join(format!("{order:?}"))));
        let typed = |ty: &str, n: usize| Event::builder(ty, "/memory").id(n.to_string()).build().unwrap();
        let options = || SubscribeOptions::new("s").types(["a.>"]).order(order);
        let bus = MemoryBus::with_settings(settings.clone(), Arc::new(NoopLogger)).unwrap();
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        let (waiting, (done, mut handled)) = (Arc::clone(&gate), tokio::sync::mpsc::unbounded_channel());
        let handler = handler_fn(move |delivery| {
            let (gate, done) = (Arc::clone(&waiting), done.clone());
            async move {
                gate.acquire().await.unwrap().forget();
                done.send(delivery.event().id().to_owned()).unwrap();
                Outcome::ack()
            }
        });
        let subscription = bus.subscribe(options(), handler).await.unwrap();
        for n in 0..100 {
            bus.publish(typed("b.c", n)).await.unwrap();
        }
        // Wanted ones are kept, with others behind them.
        for n in 100..103 {
            bus.publish(typed("a.b", n)).await.unwrap();
        }
        for n in 103..110 {
            bus.publish(typed("b.c", n)).await.unwrap();
        }
        assert!(matches!(bus.publish(typed("b.c", 110)).await, Err(EventsError::StreamFull)));
        gate.add_permits(3);
        for n in 100..103 {
            assert_eq!(handled.recv().await, Some(n.to_string()));
        }
        underpin_events::conformance::eventually(Duration::from_secs(5), "there is room", || async {
            bus.publish(typed("b.c", 110)).await.is_ok()
        })
        .await;
        for n in 111..200 {
            bus.publish(typed("b.c", n)).await.unwrap();
        }
        assert!(subscription.lag().await.unwrap().is_zero());
        let _ = subscription.drain(Duration::from_secs(5)).await;
        for n in 200..300 {
            bus.publish(typed("b.c", n)).await.unwrap();
        }
        if journal {
            drop((subscription, bus));
            let bus = MemoryBus::with_settings(settings, Arc::new(NoopLogger)).unwrap();
            let seen = Recorder::acking();
            let _subscription = bus.subscribe(options(), seen.handler()).await.unwrap();
            for n in 300..400 {
                bus.publish(typed("b.c", n)).await.unwrap();
            }
            bus.publish(typed("a.b", 400)).await.unwrap();
            assert_eq!(seen.wait_for(1, Duration::from_secs(5)).await[0].event.id(), "400");
        }
    }
}

#[tokio::test]
async fn limits_and_closing_are_errors_of_their_own_kind() {
    let bus = small(10);
    let large = Event::builder("a", "/s").text("text/plain", "x".repeat(501)).build().unwrap();
    let encoded = large.to_json().len();
    match bus.publish(large).await {
        // JetStream counts the headers as well.
        Err(EventsError::TooLarge { size, limit: Some(500) }) => assert!(size > encoded + 71, "{size}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(bus.check().await.status, HealthStatus::Up);
    bus.close();
    assert!(matches!(bus.publish(event(1)).await, Err(EventsError::Closed)));
    assert!(bus.subscribe(SubscribeOptions::new("s"), Recorder::acking().handler()).await.is_err());
    assert_eq!(bus.check().await.status, HealthStatus::Down);
    let mut none = MemorySettings::default();
    none.max_events = 0;
    assert!(MemoryBus::with_settings(none, Arc::new(NoopLogger)).is_err());
}

#[tokio::test]
async fn a_dead_letter_is_logged_once_with_the_request_that_caused_it() {
    let log = Arc::new(CaptureLogger::new());
    let bus = MemoryBus::with_settings(MemorySettings::default(), Arc::<CaptureLogger>::clone(&log)).unwrap();
    let handler = handler_fn(|_| async { Outcome::dead_letter("no such customer") });
    let _subscription = bus.subscribe(SubscribeOptions::new("projection"), handler).await.unwrap();
    let event = Event::builder("order.placed", "/s").extension("requestid", "req-42").build().unwrap();
    bus.publish(event).await.unwrap();
    underpin_events::conformance::eventually(Duration::from_secs(5), "it is dead-lettered", || async {
        bus.list(0, 1).await.unwrap().len() == 1
    })
    .await;
    let entry = log.assert_logged(Level::Warn, "dead-lettered an event");
    assert_eq!((entry.request_id(), entry.tag("subscription")), (Some("req-42"), Some("projection")));
    assert_eq!(log.entries().len(), 1);
}

/// The dead letters after the first 20 of 50, with a limit of 30; how many were dropped is logged, rarely.
#[tokio::test]
async fn the_oldest_dead_letters_go_when_there_are_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let log = Arc::new(CaptureLogger::new());
    let mut settings = MemorySettings::default();
    settings.max_dead_letters = 30;
    settings.journal = Some(JournalSettings::new(folder.path().join("events.journal")));
    let open = || MemoryBus::with_settings(settings.clone(), Arc::<CaptureLogger>::clone(&log)).unwrap();
    let ids = |dead_letters: &[underpin_events::DeadLetter]| {
        dead_letters.iter().map(|dead_letter| dead_letter.id).collect::<Vec<_>>()
    };
    let kept: Vec<u64> = (21..=50).collect();
    {
        let bus = open();
        let handler = handler_fn(|_| async { Outcome::dead_letter("never") });
        let subscription = bus.subscribe(SubscribeOptions::new("s"), handler).await.unwrap();
        for result in bus.publish_batch((0..50).map(event).collect()).await {
            result.unwrap();
        }
        underpin_events::conformance::eventually(
            Duration::from_secs(30),
            "all are dead-lettered",
            || async {
                bus.list(0, 100).await.unwrap().last().is_some_and(|dead_letter| dead_letter.id == 50)
            },
        )
        .await;
        assert_eq!(ids(&bus.list(0, 100).await.unwrap()), kept);
        assert!(matches!(bus.inspect(20).await, Err(EventsError::NotFound { .. })));
        assert_eq!(bus.check().await.details.get("dead_letters_dropped").unwrap(), &20);
        let told = log.entries().iter().filter(|entry| entry.msg.starts_with("dropped the oldest")).count();
        assert_eq!(told, 5, "at 1, 2, 4, 8 and 16");
        let _ = subscription.drain(Duration::from_secs(5)).await;
    }
    assert_eq!(ids(&open().list(0, 100).await.unwrap()), kept);
    settings.max_dead_letters = 0;
    assert!(MemoryBus::with_settings(settings, Arc::new(NoopLogger)).is_err());
}

#[tokio::test]
async fn the_context_of_the_producer_is_current_in_the_handler() {
    let bus = MemoryBus::new();
    let (seen, mut contexts) = tokio::sync::mpsc::unbounded_channel();
    let handler = handler_fn(move |_| {
        let seen = seen.clone();
        async move {
            tokio::task::yield_now().await;
            seen.send(underpin_logger::Context::current()).unwrap();
            Outcome::ack()
        }
    });
    let _subscription = bus.subscribe(SubscribeOptions::new("s"), handler).await.unwrap();
    let producer =
        underpin_logger::Context::new("req-7".parse().unwrap()).with_organization("acme").child_span();
    bus.publish(Event::builder("a", "/s").caused_by(&producer).build().unwrap()).await.unwrap();
    let context = contexts.recv().await.unwrap();
    assert_eq!(context.request_id(), producer.request_id());
    assert_eq!((context.organization_id(), context.traceparent()), (Some("acme"), producer.traceparent()));
}
