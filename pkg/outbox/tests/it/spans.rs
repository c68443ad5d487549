//! The spans of an event on its way through the outbox.

use std::sync::Arc;

use underpin_database::{DatabaseExt, TxOptions};
use underpin_events::memory::MemoryBus;
use underpin_events::{Event, EventPublisher, EventSubscriber, Outcome, SubscribeOptions, handler_fn};
use underpin_logger::testing::CaptureSpans;
use underpin_logger::{Context, RequestId, SpanKind, TraceParent};
use underpin_outbox::{OutboxError, OutboxSettings, RelayDrain};
use underpin_testkit::eventually;

use crate::support::{LIMIT, TestDatabase, outbox, quick, relay};

fn request() -> Context {
    Context::new(RequestId::generate()).with_trace(TraceParent::generate())
}

fn trace_id(ctx: &Context) -> &str {
    ctx.trace().unwrap().trace_id()
}

#[tokio::test]
async fn one_event_stays_in_the_trace_of_its_request() {
    let (spans, database, ctx) = (CaptureSpans::install(), TestDatabase::postgres().await, request());
    let (outbox, bus) = (outbox(&database, OutboxSettings::default()).await, Arc::new(MemoryBus::new()));
    let handler = handler_fn(|delivery| async move {
        drop(delivery.context().span("work", SpanKind::Internal));
        Outcome::ack()
    });
    let subscription = bus.subscribe(SubscribeOptions::new("reader"), handler).await.unwrap();
    let relay = relay(&outbox, &database, &bus, quick());
    let event = Event::builder("order.placed", "/orders").caused_by(&ctx).build().unwrap();
    let (enqueue, event) = (&outbox, &event);
    ctx.scope(database.pool.transaction(TxOptions::default(), |tx| async move {
        enqueue.enqueue(&tx, event).await?;
        Ok::<_, OutboxError>(())
    }))
    .await
    .unwrap();
    let tree = || spans.tree(trace_id(&ctx));
    let expected = "transaction\n  WITH underpin_outbox\ncreate order.placed\n  publish order.placed\n  process order.placed\n    work\n";
    eventually(LIMIT, "all spans", async || tree().lines().count() >= expected.lines().count()).await;
    let seen = tree();
    let sorted = |tree: &str| {
        let mut lines: Vec<String> = tree.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&seen), sorted(expected), "{seen}");
    assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
    let _ = subscription.drain(LIMIT).await;
}

#[tokio::test]
async fn a_batch_is_a_root_that_links_its_events() {
    let (spans, bus) = (CaptureSpans::install(), MemoryBus::new());
    let (first, second) = (request(), request());
    let unsampled = Context::background().with_trace(TraceParent::generate_unsampled());
    let of = |ctx: &Context| Event::builder("order.placed", "/orders").caused_by(ctx).build().unwrap();
    let results = bus.publish_batch(vec![of(&first), of(&unsampled), of(&second)]).await;
    assert!(results.iter().all(Result::is_ok));
    let [batch] = &spans.linked_to(trace_id(&first))[..] else { panic!("one batch") };
    assert_eq!((batch.name.as_ref(), batch.parent, batch.kind), ("publish", None, SpanKind::Producer));
    assert_eq!(batch.links, [*first.trace().unwrap(), *second.trace().unwrap()]);
    assert_eq!(batch.attribute("messaging.batch.message_count"), Some(&3_usize.into()));
    let unseen = bus.publish_batch(vec![of(&unsampled), of(&unsampled)]).await;
    assert!(unseen.iter().all(Result::is_ok));
    assert!(spans.linked_to(trace_id(&unsampled)).is_empty());
}
