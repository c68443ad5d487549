//! One order through PostgreSQL and NATS is one trace, over either protocol.

use std::sync::Arc;

use underpin_database::{
    DatabaseError, DatabaseExt, DatabaseSettings, Executor, Pool, TxOptions, connect, sql,
};
use underpin_events::{
    Event, EventSubscriber, SubscribeOptions,
    jetstream::{JetStream, JetStreamSettings},
};
use underpin_logger::{Context, NoopLogger, RequestId, SpanKind};
use underpin_outbox::{
    Inbox, InboxSettings, Outbox, OutboxError, OutboxSettings, Relay, RelayDrain, RelaySettings,
};
use underpin_testkit::{NatsServer, PostgresDatabase, eventually};

use crate::collector::{Collector, LIMIT, Mood, alone, settings, start};
use underpin_telemetry::OtlpProtocol;

const EXPECTED: &str = "\
POST /orders
  transaction
    INSERT orders
    WITH underpin_outbox
    create order.placed
      process order.placed
        transaction
          INSERT underpin_inbox
          UPDATE stats
      publish order.placed";

/// The request: returns its trace id.
async fn place_order(pool: &Pool, outbox: &Outbox) -> String {
    let request = Context::new(RequestId::generate()).entry_span("POST /orders", SpanKind::Server);
    let work = pool.transaction(TxOptions::default(), |tx| async move {
        tx.execute(sql("INSERT INTO orders VALUES (7)", [])).await?;
        let event = Event::builder("order.placed", "/orders").caused_by(&Context::current()).build();
        outbox.enqueue(&tx, &event.unwrap()).await?;
        Ok::<_, OutboxError>(())
    });
    request.ctx().scope(work).await.unwrap();
    request.ctx().trace().unwrap().trace_id().to_owned()
}

async fn is_one_trace(collector: Collector, protocol: OtlpProtocol) {
    let _turn = alone().await;
    let (database, nats) = (PostgresDatabase::fresh().await, NatsServer::start().await);
    let mut connection = DatabaseSettings::new(database.url());
    (connection.acquire_timeout, connection.connect_timeout) = (LIMIT, LIMIT);
    let pool = connect(&connection, Arc::new(NoopLogger)).await.unwrap();
    pool.batch("CREATE TABLE orders (id INTEGER); CREATE TABLE stats (orders INTEGER)").await.unwrap();
    pool.batch("INSERT INTO stats VALUES (0)").await.unwrap();
    let (outbox, inbox) =
        (Outbox::new(OutboxSettings::default()).unwrap(), Inbox::new(InboxSettings::default()).unwrap());
    outbox.migrate(&pool).await.unwrap();
    inbox.migrate(&pool).await.unwrap();
    let bus = JetStream::connect(&JetStreamSettings::new(nats.url()), Arc::new(NoopLogger)).await.unwrap();
    let handler = inbox.handler(Arc::new(pool.clone()), "stats", |tx, _| async move {
        tx.execute(sql("UPDATE stats SET orders = orders + 1", [])).await?;
        Ok::<_, DatabaseError>(())
    });
    let subscription = bus.subscribe(SubscribeOptions::new("stats"), handler).await.unwrap();
    let relay =
        Relay::start(&outbox, &pool, Arc::new(bus.clone()), RelaySettings::default(), Arc::new(NoopLogger))
            .unwrap();

    let telemetry = start(settings(collector.url()).protocol(protocol).header("x-token", "t-1"));
    let trace = place_order(&pool, &outbox).await;
    eventually(LIMIT, "all spans", async || {
        collector.tree(&trace).lines().count() >= EXPECTED.lines().count()
    })
    .await;
    telemetry.stop(LIMIT).await.unwrap();
    assert_eq!(collector.tree(&trace), EXPECTED);
    assert!(collector.tokens().iter().all(|token| token == "t-1") && !collector.tokens().is_empty());
    assert!(collector.services().iter().all(|name| name == "orders"), "{:?}", collector.services());
    assert!(!format!("{:?}", collector.spans()).contains("VALUES"), "no text of SQL");

    assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
    let _ = subscription.drain(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http() {
    is_one_trace(Collector::http(Mood::Takes).await, OtlpProtocol::HttpProtobuf).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_grpc() {
    is_one_trace(Collector::grpc().await, OtlpProtocol::Grpc).await;
}
