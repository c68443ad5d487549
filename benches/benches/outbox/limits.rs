//! Relayed events beside the two limits.

use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::runtime::Runtime;
use underpin_benches::{Comparison, Effort};
use underpin_database::{Executor, sql};
use underpin_events::EventPublisher;

use super::Done;
use super::stage::{Running, Stage, event};

/// What the relay takes at once by default.
const BATCH: u64 = 1024;
const WINDOW: usize = 1024;

/// All in one run, in turns: what one connection deletes, what one connection stores, and what the relay does, which is both.
pub(crate) fn measure(runtime: &Runtime) -> Done {
    let [deleted, relayed] = [runtime.block_on(Stage::set())?, runtime.block_on(Stage::set())?];
    let mut relay = relayed.relay()?;
    let failed = |error| -> Duration { unreachable!("the measurement must not fail: {error}") };
    let table = Comparison::new("relayed events beside the two limits", "event")
        .timed("PostgreSQL deletes by key, 1,024 in a transaction", |times| {
            runtime.block_on(delete(&deleted, times)).unwrap_or_else(failed)
        })
        .timed("NATS stores, async-nats alone, 1,024 in flight, message ids", |times| {
            runtime.block_on(store(&deleted, times)).unwrap_or_else(failed)
        })
        .timed("NATS stores, `publish_batch`", |times| {
            runtime.block_on(publish(&deleted, times)).unwrap_or_else(failed)
        })
        .timed("the relay", |times| {
            runtime.block_on(pass(&relayed, &mut relay, times)).unwrap_or_else(failed)
        })
        .run(effort());
    super::print(&table);
    runtime.block_on(relay.stop())
}

/// Rounds that are long beside the relay's batches, unless the environment wants others.
pub(crate) fn effort() -> Effort {
    let effort = Effort::default();
    if std::env::var_os("BENCH_ROUND_MS").is_some() {
        return effort;
    }
    Effort { round: Duration::from_secs(1), ..effort }
}

/// Deletes as the relay does: 64 rows of each of 16 lanes in a transaction.
async fn delete(stage: &Stage, rows: u64) -> Done<Duration> {
    stage.fill(rows).await?;
    let text = "SELECT string_agg(lane::text, ','), string_agg(id::text, ',') FROM (SELECT lane, id, \
        (row_number() OVER (PARTITION BY lane ORDER BY id) - 1) / ($1 / 16) AS slice FROM underpin_outbox) r \
        GROUP BY slice, lane % 2";
    let mut batches = Vec::new();
    for row in stage.pool.query_all(sql(text, [i64::try_from(BATCH)?.into()])).await? {
        let (lanes, ids): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        batches.push([format!("{{{lanes}}}"), format!("{{{ids}}}")]);
    }
    let start = Instant::now();
    for [lanes, ids] in batches {
        let delete = "SELECT underpin_outbox_remove($1::text::smallint[], $2::text::bigint[])";
        stage.pool.execute(sql(delete, [lanes.into(), ids.into()])).await?;
    }
    Ok(start.elapsed())
}

/// Stores what is ready to be sent, without anything of ours.
async fn store(stage: &Stage, messages: u64) -> Done<Duration> {
    let mut ready = Vec::new();
    for number in 0..messages {
        let event = event(&(number % 10_000).to_string(), number)?;
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", event.id());
        headers.insert("Content-Type", "application/cloudevents+json");
        ready.push((headers, event.to_json()));
    }
    let (jetstream, mut acks) = (stage.bus.jetstream(), FuturesUnordered::new());
    let start = Instant::now();
    for (headers, payload) in ready {
        if acks.len() >= WINDOW {
            acks.next().await.transpose()?;
        }
        let ack = jetstream.publish_with_headers("events.order.placed", headers, payload).await?;
        acks.push(ack.into_future());
    }
    while let Some(ack) = acks.next().await {
        ack?;
    }
    Ok(start.elapsed())
}

/// Stores events, encoded on the way.
async fn publish(stage: &Stage, events: u64) -> Done<Duration> {
    let events: Vec<_> =
        (0..events).map(|number| event(&(number % 10_000).to_string(), number)).collect::<Done<_>>()?;
    let (mut left, start) = (events.into_iter(), Instant::now());
    loop {
        let batch: Vec<_> = left.by_ref().take(8 * WINDOW).collect();
        if batch.is_empty() {
            return Ok(start.elapsed());
        }
        for result in stage.bus.publish_batch(batch).await {
            result?;
        }
    }
}

/// From the moment at which the rows are there until the last is gone again.
async fn pass(stage: &Stage, relay: &mut Running, rows: u64) -> Done<Duration> {
    let before = relay.count();
    stage.fill(rows).await?;
    let start = Instant::now();
    stage.outbox.wake();
    relay.until(before + rows).await?;
    while !stage.is_empty().await? {}
    Ok(start.elapsed())
}
