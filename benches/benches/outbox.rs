//! The outbox beside its limits: what PostgreSQL deletes and NATS stores, and what a plain insert costs.
//!
//! `OUTBOX_WAITING` sets the large backlog (1,000,000 rows by default; the aim speaks of 10,000,000).

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use underpin_benches::Comparison;
use underpin_database::{DatabaseError, DatabaseSettings, Pool, TxOptions, connect, sql};
use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_events::outbox::{Outbox, OutboxError, Relay, RelaySettings};
use underpin_events::{Event, EventPublisher, EventSubscriber, Outcome, SubscribeOptions, handler_fn};
use underpin_logger::NoopLogger;
use underpin_testkit::{NatsServer, PostgresDatabase};

type Done<T> = Result<T, Box<dyn Error>>;

/// Rows of the small backlog, and how many are timed in either.
const SMALL: i64 = 50_000;
const LIMIT: Duration = Duration::from_secs(600);

fn main() -> Done<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(relayed())?;
    enqueue_cost(&runtime)?;
    runtime.block_on(latency())
}

struct Bench {
    database: PostgresDatabase,
    pool: Pool,
    nats: NatsServer,
    bus: JetStream,
    outbox: Outbox,
}

impl Bench {
    async fn new() -> Done<Self> {
        let (database, nats) = (PostgresDatabase::fresh().await, NatsServer::private().await);
        let pool = connect(&DatabaseSettings::new(database.url()), Arc::new(NoopLogger)).await?;
        let bus = JetStream::connect(&JetStreamSettings::new(nats.url()), Arc::new(NoopLogger)).await?;
        let outbox = Outbox::default();
        outbox.migrate(&pool).await?;
        Ok(Self { database, pool, nats, bus, outbox })
    }

    /// Fills the table with events over 10,000 keys, each of them about 350 bytes.
    async fn fill(&self, rows: i64) -> Done<()> {
        let lanes: Vec<String> = (0..10_000)
            .map(|key| Ok(self.outbox.row(&event(&key.to_string(), 0)?)?.lane.to_string()))
            .collect::<Done<_>>()?;
        let text = format!(
            "INSERT INTO underpin_outbox (lane, key, envelope) SELECT lanes[n % 10000 + 1], n % 10000, \
             '{{\"specversion\":\"1.0\",\"id\":\"' || gen_random_uuid() || '\",\"source\":\"/orders\",\"type\":\"order.placed\",' || \
             '\"subject\":\"' || n % 10000 || '\",\"datacontenttype\":\"application/json\",\"data\":{{\"pad\":\"' || repeat('x', 180) || '\"}}}}' \
             FROM generate_series(1, $1::bigint) n, (SELECT '{{{}}}'::smallint[] AS lanes) l",
            lanes.join(",")
        );
        // Outside of the pool's statement timeout.
        let tx = self.pool.begin(TxOptions::default()).await?;
        tx.execute(sql("SET LOCAL statement_timeout = 0", [])).await?;
        tx.execute(sql(text, [rows.into()])).await?;
        tx.commit().await?;
        self.pool.execute(sql("ANALYZE underpin_outbox", [])).await?;
        Ok(())
    }

    async fn rows(&self) -> Done<i64> {
        let row = self.pool.query_one(sql("SELECT count(*) FROM underpin_outbox", [])).await?;
        Ok(row.ok_or("a row")?.try_get_by_index(0)?)
    }

    fn relay(&self) -> Done<Relay> {
        let publisher = Arc::new(self.bus.clone());
        Ok(Relay::start(&self.outbox, &self.pool, publisher, RelaySettings::default(), Arc::new(NoopLogger))?)
    }

    /// How many of so many events a second a relay publishes.
    async fn rate(&self, events: i64) -> Done<f64> {
        let aim = (self.rows().await? - events).max(0);
        let relay = self.relay()?;
        let start = Instant::now();
        let before = self.rows().await?;
        while self.rows().await? > aim && start.elapsed() < LIMIT {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (took, after) = (start.elapsed(), self.rows().await?);
        let _ = relay.drain(Duration::from_secs(30)).await;
        Ok((before - after) as f64 / took.as_secs_f64())
    }
}

fn event(key: &str, number: u64) -> Done<Event> {
    let payload = serde_json::json!({ "number": number, "pad": "x".repeat(180) });
    Ok(Event::builder("order.placed", "/orders").subject(key).json(&payload).build()?)
}

/// Relayed events a second beside the two limits, and the same with many rows waiting.
async fn relayed() -> Done<()> {
    let waiting: i64 =
        std::env::var("OUTBOX_WAITING").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let bench = Bench::new().await?;
    let mut lines = Vec::new();

    lines.push(("PostgreSQL deletes, batches of 1024 by key".to_owned(), delete_rate(&bench).await?));
    lines.push(("NATS stores, 1024 in flight, message ids".to_owned(), publish_rate(&bench).await?));

    bench.pool.execute(sql("VACUUM underpin_outbox", [])).await?;
    bench.fill(SMALL).await?;
    lines.push((format!("relay, {SMALL} waiting"), bench.rate(SMALL).await?));
    bench.fill(waiting).await?;
    lines.push((format!("relay, {waiting} waiting, the first {}", 4 * SMALL), bench.rate(4 * SMALL).await?));
    lines.push((format!("relay, the last of {waiting}"), bench.rate(i64::MAX).await?));
    print("events a second", &lines);
    drop((bench.database, bench.nats));
    Ok(())
}

async fn delete_rate(bench: &Bench) -> Done<f64> {
    bench.fill(SMALL).await?;
    let text = "SELECT string_agg(lane::text, ','), string_agg(id::text, ',') \
        FROM (SELECT lane, id, (row_number() OVER (ORDER BY id) - 1) / 1024 AS batch FROM underpin_outbox) r GROUP BY batch";
    let mut batches = Vec::new();
    for row in bench.pool.query_all(sql(text, [])).await? {
        let (lanes, ids): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        batches.push([format!("{{{lanes}}}"), format!("{{{ids}}}")]);
    }
    let start = Instant::now();
    for [lanes, ids] in batches {
        let delete = "SELECT underpin_outbox_remove($1::text::smallint[], $2::text::bigint[])";
        bench.pool.execute(sql(delete, [lanes.into(), ids.into()])).await?;
    }
    Ok(SMALL as f64 / start.elapsed().as_secs_f64())
}

async fn publish_rate(bench: &Bench) -> Done<f64> {
    let events = (0..100_000_u64).map(|n| event(&(n % 10_000).to_string(), n)).collect::<Done<Vec<_>>>()?;
    let (count, start) = (events.len(), Instant::now());
    let mut left = events.into_iter();
    loop {
        let batch: Vec<Event> = left.by_ref().take(8192).collect();
        if batch.is_empty() {
            return Ok(count as f64 / start.elapsed().as_secs_f64());
        }
        for result in bench.bus.publish_batch(batch).await {
            result?;
        }
    }
}

/// One event in a transaction that inserts a row anyway, beside the same transaction with a second plain insert.
fn enqueue_cost(runtime: &Runtime) -> Done<()> {
    let bench = runtime.block_on(Bench::new())?;
    let create = "CREATE TABLE plain (id bigserial PRIMARY KEY, key text, envelope text, at timestamptz DEFAULT now())";
    runtime.block_on(bench.pool.execute(sql(create, [])))?;
    let event = event("42", 1)?;
    let row = bench.outbox.row(&event)?;
    let insert = |tx: underpin_database::Transaction| {
        let row = row.clone();
        async move {
            let text = "INSERT INTO plain (key, envelope) VALUES ($1, $2)";
            tx.execute(sql(text, [row.key.into(), row.envelope.into()])).await?;
            Ok::<_, DatabaseError>(tx)
        }
    };
    let failed = |error: OutboxError| unreachable!("the transaction must commit: {error}");
    Comparison::new("a second row in a transaction of one", "transaction")
        .contender("a plain insert", || {
            let work = |tx| async move {
                let _tx = insert(insert(tx).await?).await?;
                Ok::<_, OutboxError>(())
            };
            runtime.block_on(bench.pool.transaction(TxOptions::default(), work)).unwrap_or_else(failed);
        })
        .contender("enqueue", || {
            let work = |tx| async {
                let tx = insert(tx).await?;
                bench.outbox.enqueue(&tx, &event).await
            };
            runtime.block_on(bench.pool.transaction(TxOptions::default(), work)).unwrap_or_else(failed);
        })
        .print();
    drop((bench.bus, bench.database, bench.nats));
    Ok(())
}

/// From enqueue to the handler, at 1,000 events a second for ten seconds.
async fn latency() -> Done<()> {
    let bench = Bench::new().await?;
    let waits: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let (sink, epoch) = (Arc::clone(&waits), Instant::now());
    let handler = handler_fn(move |delivery| {
        let sent: Result<u64, _> = delivery
            .event()
            .json::<serde_json::Value>()
            .map(|data| data.get("number").and_then(serde_json::Value::as_u64).unwrap_or(0));
        if let (Ok(sent), Ok(mut waits)) = (sent, sink.lock()) {
            waits.push(epoch.elapsed().saturating_sub(Duration::from_micros(sent)));
        }
        async { Outcome::ack() }
    });
    let subscription =
        bench.bus.subscribe(SubscribeOptions::new("bench").types(["order.>"]), handler).await?;
    let relay = bench.relay()?;
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    for tick in 0..1000_u64 {
        ticks.tick().await;
        let now = u64::try_from(epoch.elapsed().as_micros())?;
        let events = (0..10).map(|n| event(&(tick * 10 + n).to_string(), now)).collect::<Done<Vec<_>>>()?;
        let (outbox, events) = (&bench.outbox, &events);
        let work = |tx| async move { outbox.enqueue_all(&tx, events).await };
        bench.pool.transaction::<_, OutboxError, _, _>(TxOptions::default(), work).await?;
    }
    let limit = Instant::now();
    while waits.lock().map_or(0, |waits| waits.len()) < 10_000 && limit.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let _ = relay.drain(Duration::from_secs(5)).await;
    let _ = subscription.drain(Duration::from_secs(5)).await;
    let mut waits = waits.lock().map_err(|_| "a handler panicked")?.clone();
    waits.sort();
    let at = |share: usize| {
        waits.get(waits.len() * share / 1000).copied().unwrap_or_default().as_secs_f64() * 1000.0
    };
    let lines = [("p50".to_owned(), at(500)), ("p99".to_owned(), at(990)), ("p99.9".to_owned(), at(999))];
    print(&format!("ms from enqueue to handler, {} events at 1,000 a second", waits.len()), &lines);
    Ok(())
}

#[allow(clippy::print_stdout, reason = "printing the table is what a benchmark is for")]
fn print(what: &str, lines: &[(String, f64)]) {
    println!("### {what}\n\n| what | {what} |\n|---|---|");
    for (name, value) in lines {
        println!("| {name} | {value:.1} |");
    }
    println!();
}
