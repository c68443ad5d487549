//! Inserts and completions inside of a transaction of the caller.

use std::time::Instant;

use serde_json::json;
use underpin_database::sea_orm::Value;
use underpin_database::{Backend, DatabaseError, InTransaction, sql};

use super::awake::AwakeQueues;
use super::types::NewJob;
use crate::status::millis_of;
use crate::{Enqueued, JobId, RunId, UniqueScope};

/// Jobs in one statement.
const CHUNK: usize = 1000;

/// In PostgreSQL, for a job that may run at once and has no key. What it leaves out takes the server a tenth of the time.
const INSERT_PLAIN: &str = "INSERT INTO underpin_job (queue, kind, version, due, rank, headers, id, payload) VALUES ($1, $2, $3, \
     statement_timestamp(), statement_timestamp() + $5 * interval '1 millisecond', $7, CAST($8 AS uuid), $9)";

const INSERT: [&str; 2] = [
    "INSERT INTO underpin_job (queue, kind, version, due, rank, headers, id, payload, unique_key, unique_scope) VALUES ($1, $2, $3, \
     coalesce(to_timestamp($6 / 1000.0), statement_timestamp()) + $4 * interval '1 millisecond', \
     coalesce(to_timestamp($6 / 1000.0), statement_timestamp()) + ($4 + $5) * interval '1 millisecond', \
     $7, CAST($8 AS uuid), $9, $10, $11)",
    "INSERT INTO underpin_job (queue, kind, version, due, rank, headers, id, payload, unique_key, unique_scope, enqueued_at) \
     SELECT $1, $2, $3, coalesce($6, n.now) + $4, coalesce($6, n.now) + $4 + $5, $7, $8, $9, $10, $11, n.now \
     FROM (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now) n",
];

const INSERT_MANY: &str = "INSERT INTO underpin_job (queue, kind, version, due, rank, headers, id, payload) \
     SELECT $1, $2, $3, d.due, d.due + $5 * interval '1 millisecond', $7, CAST(d.id AS uuid), d.payload FROM \
     (SELECT coalesce(to_timestamp($6 / 1000.0), clock_timestamp()) + $4 * interval '1 millisecond' AS due, j.id, j.payload \
      FROM ROWS FROM (json_array_elements_text(CAST($8 AS json)), json_array_elements_text(CAST($9 AS json))) AS j(id, payload)) d";

/// NOTIFY makes all commits of the whole server wait for each other, so it is used only while the workers of the queue sleep.
fn notifying(insert: &str) -> String {
    format!(
        "WITH enqueued AS ({insert}) SELECT pg_notify('underpin_jobs', '') FROM underpin_job_queue WHERE queue = $1 AND notify"
    )
}

/// The answer is who holds the key then.
const TAKE_KEY: [&str; 2] = [
    "SELECT underpin_job_take_key($1, $2, CAST($3 AS uuid), $4)",
    "INSERT INTO underpin_job_unique (kind, key, job, until) \
     SELECT $1, $2, $3, n.now + $4 FROM (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now) n WHERE true \
     ON CONFLICT (kind, key) DO UPDATE SET job = excluded.job, until = excluded.until \
     WHERE underpin_job_unique.until <= CAST(unixepoch('subsec') * 1000 AS INTEGER); \
     SELECT job FROM underpin_job_unique WHERE kind = $1 AND key = $2",
];

/// A row if the attempt has its job.
const COMPLETE: [&str; 2] = [
    "SELECT underpin_job_complete(CAST($1 AS uuid), $2, $3)",
    "UPDATE underpin_job SET becomes = 'done', keep = $3 WHERE id = $1 AND run = $2 RETURNING id",
];

/// Inserts jobs in order: what has a unique key one by one, the others together where they differ in id and payload alone.
pub(crate) async fn insert_in(
    tx: &dyn InTransaction,
    jobs: &[NewJob],
    awake: &AwakeQueues,
) -> Result<Vec<Enqueued>, DatabaseError> {
    let mut enqueued = Vec::with_capacity(jobs.len());
    let mut rest = jobs;
    while let Some(first) = rest.first() {
        let alike = rest.iter().take(CHUNK).take_while(|job| are_alike(first, job)).count().max(1);
        let (chunk, next) = rest.split_at(alike);
        rest = next;
        if chunk.len() > 1 && tx.backend() == Backend::Postgres {
            insert_many(tx, first, chunk).await?;
            enqueued.extend(chunk.iter().map(|job| Enqueued::New(job.id)));
            continue;
        }
        for job in chunk {
            enqueued.push(insert_one(tx, job, awake).await?);
        }
    }
    Ok(enqueued)
}

fn are_alike(a: &NewJob, b: &NewJob) -> bool {
    (&a.queue, &a.kind, a.version, a.priority) == (&b.queue, &b.kind, b.version, b.priority)
        && (a.aging, a.after, a.at, &a.headers) == (b.aging, b.after, b.at, &b.headers)
        && a.unique.is_none()
        && b.unique.is_none()
}

async fn insert_one(
    tx: &dyn InTransaction,
    job: &NewJob,
    awake: &AwakeQueues,
) -> Result<Enqueued, DatabaseError> {
    if let Some(holder) = take_key(tx, job).await?.filter(|holder| *holder != job.id) {
        return Ok(Enqueued::Existing(holder));
    }
    let scope = job.unique.as_ref().map(|unique| match unique.scope {
        UniqueScope::UntilStarted => "started",
        UniqueScope::UntilFinished => "finished",
        UniqueScope::Window(_) => "window",
    });
    let mut binds = common_binds(job);
    binds.extend([
        Value::from(job.id.to_string()),
        job.payload.as_str().into(),
        job.unique.as_ref().map(|unique| unique.key.clone()).into(),
        scope.map(str::to_owned).into(),
    ]);
    let (is_postgres, now) = (tx.backend() == Backend::Postgres, Instant::now());
    let is_plain = is_postgres && job.unique.is_none() && job.at.is_none() && job.after.is_zero();
    let insert = if is_plain { INSERT_PLAIN } else { either(tx, INSERT) };
    if !is_postgres || awake.has(&job.queue, now) {
        tx.run(sql(insert, binds)).await?;
    } else if tx.rows(sql(notifying(insert), binds)).await?.is_empty() {
        awake.note(&job.queue, now);
    }
    Ok(Enqueued::New(job.id))
}

async fn insert_many(tx: &dyn InTransaction, first: &NewJob, jobs: &[NewJob]) -> Result<(), DatabaseError> {
    let mut binds = common_binds(first);
    binds.push(json!(jobs.iter().map(|job| job.id).collect::<Vec<_>>()).to_string().into());
    binds.push(json!(jobs.iter().map(|job| &job.payload).collect::<Vec<_>>()).to_string().into());
    tx.run(sql(notifying(INSERT_MANY), binds)).await.map(|_| ())
}

/// `$1` to `$7`: queue, kind, version, pause, rank behind the due time, moment, headers.
fn common_binds(job: &NewJob) -> Vec<Value> {
    vec![
        job.queue.as_str().into(),
        job.kind.as_str().into(),
        i32::try_from(job.version).unwrap_or(i32::MAX).into(),
        i64::try_from(job.after.as_millis()).unwrap_or(i64::MAX).into(),
        job.rank_offset_ms().into(),
        job.at.map(millis_of).into(),
        job.headers.as_str().into(),
    ]
}

/// Who holds the key of a job after trying to take it for the job; `None` without a key.
async fn take_key(tx: &dyn InTransaction, job: &NewJob) -> Result<Option<JobId>, DatabaseError> {
    let Some(unique) = &job.unique else { return Ok(None) };
    let window = match unique.scope {
        UniqueScope::Window(window) => Some(i64::try_from(window.as_millis()).unwrap_or(i64::MAX)),
        _ => None,
    };
    let binds: [Value; 4] =
        [job.kind.as_str().into(), unique.key.as_str().into(), job.id.to_string().into(), window.into()];
    let rows = tx.rows(sql(either(tx, TAKE_KEY), binds)).await?;
    let holder: Option<String> = rows.first().map(|row| row.try_get_by_index(0)).transpose()?;
    Ok(holder.and_then(|holder| holder.parse().ok()))
}

/// Completes the job of an attempt; `false` when the attempt has lost it.
pub(crate) async fn complete_in(
    tx: &dyn InTransaction,
    run: RunId,
    keep: bool,
) -> Result<bool, DatabaseError> {
    let binds: [Value; 3] = [run.job.to_string().into(), run.token.into(), keep.into()];
    Ok(!tx.rows(sql(either(tx, COMPLETE), binds)).await?.is_empty())
}

fn either(tx: &dyn InTransaction, [postgres, sqlite]: [&'static str; 2]) -> &'static str {
    if tx.backend() == Backend::Postgres { postgres } else { sqlite }
}
