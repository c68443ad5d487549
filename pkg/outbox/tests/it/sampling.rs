//! The decision whether a trace is recorded travels through the outbox and on the wire of NATS.

use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_events::{Event, EventSubscriber, Outcome, SubscribeOptions, handler_fn};
use underpin_logger::testing::CaptureSpans;
use underpin_logger::{Context, NoopLogger, RequestId, SpanKind, TraceParent};
use underpin_outbox::{OutboxSettings, RelayDrain};
use underpin_testkit::{NatsServer, eventually};

use crate::support::{LIMIT, TestDatabase, enqueue, outbox, quick, relay};

/// A request with these trace flags: `01` where its caller records the trace.
fn request(flags: &str) -> Context {
    let ids = TraceParent::generate();
    let header = format!("00-{}-{}-{flags}", ids.trace_id(), ids.span_id());
    Context::new(RequestId::generate()).with_trace(header.parse().unwrap())
}

fn trace_id(ctx: &Context) -> &str {
    ctx.trace().unwrap().trace_id()
}

fn event(ctx: &Context) -> Event {
    Event::builder("order.placed", "/orders").caused_by(ctx).build().unwrap()
}

/// The `traceparent` of each message in the stream, in the order of their publishing.
async fn on_the_wire(bus: &JetStream, stream: &str) -> Vec<TraceParent> {
    let stream = bus.jetstream().get_stream(stream).await.unwrap();
    let mut parents = Vec::new();
    for sequence in 1..=stream.get_info().await.unwrap().state.last_sequence {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let event: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        parents.push(event["traceparent"].as_str().unwrap().parse().unwrap());
    }
    parents
}

async fn handled(contexts: &mut UnboundedReceiver<Context>) -> Context {
    tokio::time::timeout(LIMIT, contexts.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn the_outbox_carries_the_sampling_decision() {
    let (spans, database, nats) =
        (CaptureSpans::install(), TestDatabase::postgres().await, NatsServer::private().await);
    let outbox = outbox(&database, OutboxSettings::default()).await;
    let settings = JetStreamSettings::new(nats.url());
    let bus = Arc::new(JetStream::connect(&settings, Arc::new(NoopLogger)).await.unwrap());
    let (seen, mut contexts) = unbounded_channel();
    let handler = handler_fn(move |delivery| {
        let ctx = delivery.context();
        drop(ctx.span("work", SpanKind::Internal));
        seen.send(ctx).unwrap();
        async { Outcome::ack() }
    });
    let subscription = bus.subscribe(SubscribeOptions::new("reader"), handler).await.unwrap();
    let relay = relay(&outbox, &database, &bus, quick());

    let unsampled = request("00");
    unsampled.scope(enqueue(&outbox, &database.pool, &[event(&unsampled)])).await;
    let ctx = handled(&mut contexts).await;
    assert_eq!((trace_id(&ctx), ctx.trace().unwrap().is_sampled()), (trace_id(&unsampled), false));

    let sampled = request("01");
    sampled.scope(enqueue(&outbox, &database.pool, &[event(&sampled)])).await;
    let ctx = handled(&mut contexts).await;
    assert_eq!((trace_id(&ctx), ctx.trace().unwrap().is_sampled()), (trace_id(&sampled), true));
    let names = ["create order.placed", "publish order.placed", "process order.placed", "work"];
    eventually(LIMIT, "the spans of the sampled event", async || {
        let tree = spans.tree(trace_id(&sampled));
        names.iter().all(|name| tree.contains(name))
    })
    .await;

    let wire = on_the_wire(&bus, &settings.stream.name).await;
    let flags: Vec<&str> = wire.iter().map(|parent| parent.as_str().rsplit('-').next().unwrap()).collect();
    assert_eq!(flags, ["00", "01"]);
    assert_eq!([wire[0].trace_id(), wire[1].trace_id()], [trace_id(&unsampled), trace_id(&sampled)]);
    // All of the sampled one, which went the same way later, are there by now.
    assert_eq!(spans.tree(trace_id(&unsampled)), "");
    assert!(spans.linked_to(trace_id(&unsampled)).is_empty());

    assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
    let _ = subscription.drain(LIMIT).await;
}
