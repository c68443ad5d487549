//! What enqueuing costs beside an INSERT of the same row into the same table.

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use underpin_benches::Comparison;
use underpin_database::sea_orm::Value;
use underpin_database::{Connections, DatabaseError, Executor, Transaction, TxOptions, sql};
use underpin_jobs::{Enqueue, JobId, Unique};

use super::Done;
use super::stage::{Noop, QUEUE, Stage};

/// Enqueues in one transaction.
const IN_ONE: u64 = 100;
/// Jobs of `enqueue_many`.
const MANY: u64 = 1000;

const INTO: &str = "INSERT INTO plain (queue, kind, version, due, rank, headers, id, payload)";

pub(crate) fn measure(runtime: &Runtime) -> Done {
    let stage = runtime.block_on(Stage::set())?;
    // The same columns, defaults and indexes.
    runtime.block_on(stage.pool.execute(sql("CREATE TABLE plain (LIKE underpin_job INCLUDING ALL)", [])))?;
    // Workers under load: producers send no NOTIFY.
    runtime.block_on(stage.jobs.store().set_notify(&[QUEUE.to_owned()], false))?;
    let failed = |error| -> Duration { unreachable!("the transaction must commit: {error}") };
    for (title, in_one) in
        [("a transaction that enqueues a job", 1), ("enqueues in a transaction of 100", IN_ONE)]
    {
        let run = |work: Work| {
            let stage = &stage;
            move |times| runtime.block_on(repeat(stage, times, in_one, work)).unwrap_or_else(failed)
        };
        Comparison::new(title, "job")
            .timed("a bare INSERT of the row", run(Work::Insert))
            .timed("underpin, enqueue", run(Work::Enqueue))
            .timed("underpin, enqueue with a unique key", run(Work::Unique))
            .print();
    }
    let run = |work: Work| {
        let stage = &stage;
        move |times| runtime.block_on(repeat(stage, times, 1, work)).unwrap_or_else(failed)
    };
    Comparison::new("a transaction that enqueues 1,000 jobs", "transaction")
        .timed("a bare INSERT of the rows from arrays", run(Work::InsertMany))
        .timed("underpin, enqueue_many", run(Work::EnqueueMany))
        .print();
    Ok(())
}

#[derive(Clone, Copy)]
enum Work {
    Insert,
    Enqueue,
    Unique,
    InsertMany,
    EnqueueMany,
}

/// Does the work so many times, so often in each transaction.
async fn repeat(stage: &Stage, times: u64, in_one: u64, work: Work) -> Done<Duration> {
    let many: Vec<Noop> = (0..MANY).map(Noop::from).collect();
    // Rows from the last round are no part of this one's work.
    stage.pool.execute(sql("TRUNCATE plain, underpin_job, underpin_job_unique", [])).await?;
    let start = Instant::now();
    let mut done = 0;
    while done < times {
        let tx = stage.pool.begin(TxOptions::default()).await?;
        for number in done..times.min(done + in_one) {
            match work {
                Work::Insert => insert(&tx, number).await?,
                Work::Enqueue => {
                    stage.jobs.enqueue(&tx, &Noop::from(number)).await?;
                }
                Work::Unique => {
                    let how = Enqueue::default().unique(Unique::until_finished(number.to_string()));
                    stage.jobs.enqueue_with(&tx, &Noop::from(number), how).await?;
                }
                Work::InsertMany => insert_many(&tx).await?,
                Work::EnqueueMany => {
                    stage.jobs.enqueue_many(&tx, &many).await?;
                }
            }
        }
        tx.commit().await?;
        done += in_one;
    }
    Ok(start.elapsed())
}

async fn insert(tx: &Transaction, number: u64) -> Result<(), DatabaseError> {
    let text = format!("{INTO} VALUES ($1, $2, 1, now(), now(), '{{}}', CAST($3 AS uuid), $4)");
    let payload = format!("{{\"number\":{number}}}");
    let binds: [Value; 4] =
        [QUEUE.into(), "noop".into(), JobId::generate().to_string().into(), payload.into()];
    tx.execute(sql(text, binds)).await?;
    Ok(())
}

async fn insert_many(tx: &Transaction) -> Result<(), DatabaseError> {
    let list =
        |item: &dyn Fn(u64) -> String| format!("{{{}}}", (0..MANY).map(item).collect::<Vec<_>>().join(","));
    let text = format!(
        "{INTO} SELECT $1, $2, 1, now(), now(), '{{}}', j.id, j.payload \
         FROM ROWS FROM (unnest(CAST($3 AS uuid[])), unnest(CAST($4 AS text[]))) AS j(id, payload)"
    );
    let (ids, payloads) = (
        list(&|_| JobId::generate().to_string()),
        list(&|number| format!("\"{{\\\"number\\\":{number}}}\"")),
    );
    tx.execute(sql(text, [QUEUE.into(), "noop".into(), ids.into(), payloads.into()])).await?;
    Ok(())
}
