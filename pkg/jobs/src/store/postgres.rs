use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use underpin_database::sea_orm::{QueryResult, Value};
use underpin_database::{Connections, DatabaseError, DatabaseExt, TxOptions};

use super::insert::insert_in;
use super::rows::{Tables, claimed, get, id, millis, run};
use super::types::{Claim, Claimed, Heartbeat, KnownKind, NewJob, Rescue, RescueOutcome};
use super::verdict::{FinishReport, Finished};
use super::{JobAdmin, JobStore, RegisteredEntry, ScheduleStatus, Tick, TickStore, schema};
use crate::{
    CancelOutcome, Enqueued, JobFilter, JobId, JobRecord, JobStatus, JobsError, Progress, QueueStatus, RunId,
};

/// Jobs in PostgreSQL. Each call is one statement, most of them one call of a function.
pub struct PostgresJobStore {
    tables: Tables,
}

impl PostgresJobStore {
    /// The store in a database, with a limit for each call.
    pub fn new(database: Arc<dyn Connections>, limit: Duration) -> Self {
        Self { tables: Tables::new(database, limit) }
    }

    /// Whether a function that returns a row where it did something returned one.
    async fn did(&self, operation: &'static str, text: &str, id: JobId) -> Result<bool, JobsError> {
        Ok(!self.tables.rows(operation, text, [id.to_string().into()]).await?.is_empty())
    }
}

impl std::fmt::Debug for PostgresJobStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresJobStore").finish_non_exhaustive()
    }
}

fn read<T>(
    rows: &[QueryResult],
    one: impl Fn(&QueryResult) -> Result<T, DatabaseError>,
) -> Result<Vec<T>, JobsError> {
    rows.iter().map(one).collect::<Result<_, _>>().map_err(JobsError::during("read a row"))
}

/// A JSON document as a bind.
fn document(rows: impl IntoIterator<Item = serde_json::Value>) -> Value {
    serde_json::Value::from_iter(rows).to_string().into()
}

fn kinds(kinds: &[KnownKind]) -> Value {
    document(kinds.iter().map(|known| json!({"kind": known.kind, "version": known.version})))
}

#[async_trait]
impl JobStore for PostgresJobStore {
    async fn insert(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, JobsError> {
        let work = |tx| async move { insert_in(&tx, jobs).await };
        let inserting = self.tables.database.transaction(TxOptions::default(), work);
        self.tables.bounded::<_, DatabaseError>("insert jobs", inserting).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Claimed>, JobsError> {
        let asks = claim.queues.iter().flat_map(|queue| {
            queue.kinds.iter().map(|kind| {
                json!({
                    "queue": queue.queue, "queue_most": queue.most, "kind": kind.kind, "version": kind.version,
                    "most": kind.most.min(queue.most),
                    "horizon_ms": u64::try_from(kind.horizon.as_millis()).unwrap_or(u64::MAX),
                })
            })
        });
        let text = "SELECT * FROM underpin_job_claim(CAST($1 AS jsonb), $2, $3)";
        let binds = [document(asks), millis(claim.lease), claim.worker.as_str().into()];
        read(&self.tables.rows("claim jobs", text, binds).await?, claimed)
    }

    async fn finish(&self, results: &[Finished]) -> Result<FinishReport, JobsError> {
        let list = results.iter().map(|result| {
            json!({
                "id": result.run.job, "run": result.run.token, "keep": result.keep, "verdict": result.verdict.as_str(),
                "after_ms": result.verdict.after_ms(), "reason": result.verdict.reason(), "free": result.verdict.is_free(),
            })
        });
        let text = "SELECT * FROM underpin_job_finish(CAST($1 AS jsonb))";
        let mut held = read(&self.tables.rows("finish jobs", text, [document(list)]).await?, run)?;
        held.sort_unstable();
        Ok(FinishReport::of(results, |run| held.binary_search(run).is_ok()))
    }

    async fn heartbeat(&self, runs: &[RunId], lease: Duration) -> Result<Vec<Heartbeat>, JobsError> {
        let list = runs.iter().map(|run| json!({"id": run.job, "run": run.token}));
        let text = "SELECT * FROM underpin_job_heartbeat(CAST($1 AS jsonb), $2)";
        let rows = self.tables.rows("extend the leases", text, [document(list), millis(lease)]).await?;
        read(&rows, |row| Ok(Heartbeat { run: run(row)?, cancel: get(row, 2)? }))
    }

    async fn progress(&self, reports: &[(RunId, Progress)]) -> Result<(), JobsError> {
        let list = reports.iter().map(|(run, progress)| {
            let amount = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            json!({
                "id": run.job, "run": run.token, "done": amount(progress.done), "total": amount(progress.total),
                "note": progress.note,
            })
        });
        let text = "SELECT underpin_job_progress(CAST($1 AS jsonb))";
        self.tables.execute("write the progress", text, [document(list)]).await.map(|_| ())
    }

    async fn rescue(&self, known: &[KnownKind], most: u32) -> Result<Vec<Rescue>, JobsError> {
        let text = "SELECT * FROM underpin_job_rescue(CAST($1 AS jsonb), $2)";
        let binds = [kinds(known), i32::try_from(most).unwrap_or(i32::MAX).into()];
        read(&self.tables.rows("rescue lost jobs", text, binds).await?, |row| {
            let outcome = RescueOutcome::from_name(&get::<String>(row, 2)?);
            Ok(Rescue { job: id(row, 0)?, kind: get(row, 1)?, outcome })
        })
    }

    async fn set_notify(&self, queues: &[String], notify: bool) -> Result<(), JobsError> {
        let text = "INSERT INTO underpin_job_queue (queue, notify) \
                    SELECT q.queue, $2 FROM jsonb_array_elements_text(CAST($1 AS jsonb)) AS q(queue) ORDER BY 1 \
                    ON CONFLICT (queue) DO UPDATE SET notify = excluded.notify \
                    WHERE underpin_job_queue.notify <> excluded.notify";
        let binds = [document(queues.iter().map(|queue| json!(queue))), notify.into()];
        self.tables.execute("set the notify mode", text, binds).await.map(|_| ())
    }
}

#[async_trait]
impl JobAdmin for PostgresJobStore {
    async fn migrate(&self) -> Result<(), JobsError> {
        schema::migrate(&*self.tables.database).await.map_err(JobsError::during("migrate the tables of jobs"))
    }

    async fn inspect(&self, id: JobId) -> Result<Option<JobRecord>, JobsError> {
        self.tables.inspect(id).await
    }

    async fn list(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        most: usize,
    ) -> Result<Vec<JobStatus>, JobsError> {
        self.tables.list(filter, after, most).await
    }

    async fn cancel(&self, id: JobId) -> Result<CancelOutcome, JobsError> {
        let text = "SELECT underpin_job_cancel(CAST($1 AS uuid))";
        let rows = self.tables.rows("cancel a job", text, [id.to_string().into()]).await?;
        let outcome = read(&rows, |row| get::<String>(row, 0))?;
        Ok(match outcome.first().map(String::as_str) {
            Some("removed") => CancelOutcome::Removed,
            Some("asked") => CancelOutcome::Asked,
            Some("ended") => CancelOutcome::Ended,
            _ => CancelOutcome::Unknown,
        })
    }

    async fn replay(&self, id: JobId) -> Result<bool, JobsError> {
        self.did("replay a dead job", "SELECT underpin_job_replay(CAST($1 AS uuid))", id).await
    }

    async fn discard(&self, id: JobId) -> Result<bool, JobsError> {
        let text = "DELETE FROM underpin_job_dead WHERE id = CAST($1 AS uuid) RETURNING true";
        self.did("discard a dead job", text, id).await
    }

    async fn set_paused(&self, queue: &str, paused: bool) -> Result<(), JobsError> {
        self.tables.set_paused(queue, paused).await
    }

    async fn queues(&self) -> Result<Vec<QueueStatus>, JobsError> {
        self.tables.queues().await
    }

    async fn sweep(&self, keep: Duration, most: u32) -> Result<u64, JobsError> {
        self.tables.sweep(keep, most).await
    }
}

#[async_trait]
impl TickStore for PostgresJobStore {
    async fn register(&self, entry: &RegisteredEntry) -> Result<(), JobsError> {
        let text = "INSERT INTO underpin_job_schedule AS s (name, hash, description, last_tick) \
                    VALUES ($1, $2, $3, floor(extract(epoch FROM clock_timestamp()))::bigint) \
                    ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, description = excluded.description, \
                    last_tick = greatest(s.last_tick, excluded.last_tick) WHERE s.hash <> excluded.hash";
        let binds = [entry.name.as_str(), &entry.hash, &entry.description].map(Value::from);
        self.tables.execute("register a cron entry", text, binds).await.map(|_| ())
    }

    async fn schedules(&self) -> Result<(i64, Vec<ScheduleStatus>), JobsError> {
        let text = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, s.name, s.hash, s.description, s.paused, \
                    s.last_tick FROM (SELECT) one LEFT JOIN underpin_job_schedule s ON true ORDER BY s.name";
        self.tables.schedules(text).await
    }

    async fn fire(&self, tick: &Tick, job: &NewJob) -> Result<bool, JobsError> {
        let row = json!({
            "id": job.id, "queue": job.queue, "kind": job.kind, "version": job.version,
            "after_ms": u64::try_from(job.after.as_millis()).unwrap_or(0), "rank_ms": job.rank_offset_ms(),
            "headers": job.headers, "payload": job.payload,
        });
        let text = "SELECT underpin_job_fire($1, $2, $3, CAST($4 AS jsonb))";
        let binds =
            [tick.name.as_str().into(), tick.hash.as_str().into(), tick.at.into(), row.to_string().into()];
        Ok(!self.tables.rows("fire a tick", text, binds).await?.is_empty())
    }

    async fn skip(&self, tick: &Tick) -> Result<bool, JobsError> {
        self.tables.skip(tick).await
    }

    async fn set_schedule_paused(&self, name: &str, paused: bool) -> Result<bool, JobsError> {
        self.tables.set_schedule_paused(name, paused).await
    }

    async fn remove_schedule(&self, name: &str) -> Result<bool, JobsError> {
        self.tables.remove_schedule(name).await
    }
}
