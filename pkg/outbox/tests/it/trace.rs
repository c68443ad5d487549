//! The trace and the request id of a producer reach the handler through the outbox.

use std::sync::Arc;

use underpin_events::memory::MemoryBus;
use underpin_events::{Event, EventSubscriber, Outcome, SubscribeOptions, handler_fn};
use underpin_logger::{Context, TraceParent, TraceState};
use underpin_outbox::{OutboxSettings, RelayDrain};

use crate::support::{LIMIT, TestDatabase, enqueue, outbox, quick, relay};

async fn carries_the_trace(database: TestDatabase) {
    let outbox = outbox(&database, OutboxSettings::default()).await;
    let (bus, (seen, mut contexts)) = (Arc::new(MemoryBus::new()), tokio::sync::mpsc::unbounded_channel());
    let handler = handler_fn(move |delivery| {
        seen.send((delivery.context(), delivery.into_event())).unwrap();
        async { Outcome::ack() }
    });
    let subscription = bus.subscribe(SubscribeOptions::new("reader"), handler).await.unwrap();
    let relay = relay(&outbox, &database, &bus, quick());

    let state = TraceState::parse("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE").unwrap();
    // Not sampled: a recorded event travels at the span of its creation.
    let cause = Context::background().with_trace(TraceParent::generate_unsampled()).with_trace_state(state);
    let event = Event::builder("order.placed", "/orders").subject("42").caused_by(&cause).build().unwrap();
    enqueue(&outbox, &database.pool, std::slice::from_ref(&event)).await;

    let (context, delivered) = tokio::time::timeout(LIMIT, contexts.recv()).await.unwrap().unwrap();
    assert_eq!(delivered, event);
    assert_eq!(delivered.trace_state(), cause.tracestate());
    assert_eq!(context.tracestate(), cause.tracestate());
    assert_eq!(context.trace().map(TraceParent::trace_id), cause.trace().map(TraceParent::trace_id));
    assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
    let _ = subscription.drain(LIMIT).await;
}

#[tokio::test]
async fn on_postgres() {
    carries_the_trace(TestDatabase::postgres().await).await;
}

#[tokio::test]
async fn on_sqlite() {
    carries_the_trace(TestDatabase::sqlite().await).await;
}
