use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use underpin_database::sea_orm::{QueryResult, Value};
use underpin_database::{
    Backend, Connections, DatabaseError, DatabaseExt, Executor, Transaction, TxOptions, sql,
};

use super::awake::AwakeQueues;
use super::insert::insert_in;
use super::types::{Claim, Claimed, Heartbeat, KnownKind, NewJob, Rescue};
use super::verdict::{FinishReport, Finished};
use super::{JobStore, rows};
use crate::{Enqueued, JobsError, Progress, RunId};

/// Jobs in PostgreSQL or SQLite.
///
/// In PostgreSQL each call is one statement, most of them one call of a function. In SQLite, which is for one machine, it is one
/// transaction with the same binds and answers.
pub struct DatabaseJobStore {
    pub(super) database: Arc<dyn Connections>,
    limit: Duration,
}

impl DatabaseJobStore {
    /// The store in a database, with a limit for each call.
    pub fn new(database: Arc<dyn Connections>, limit: Duration) -> Self {
        Self { database, limit }
    }

    /// The text for the database of this store.
    pub(super) fn either<'a>(&self, postgres: &'a str, sqlite: &'a str) -> &'a str {
        if self.database.backend() == Backend::Postgres { postgres } else { sqlite }
    }

    pub(super) async fn bounded<T, E: Into<JobsError>>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, JobsError> {
        match tokio::time::timeout(self.limit, work).await {
            Ok(result) => result.map_err(|error| match error.into() {
                JobsError::Database { source, .. } => JobsError::Database { operation, source },
                other => other,
            }),
            Err(_) => Err(JobsError::TimedOut { operation, within: self.limit }),
        }
    }

    /// The rows of one statement, which may write in PostgreSQL only.
    pub(super) async fn rows(
        &self,
        operation: &'static str,
        text: impl Into<String>,
        binds: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<QueryResult>, JobsError> {
        self.bounded(operation, self.database.query_all(sql(text, binds))).await
    }

    /// The rows of one statement in PostgreSQL, or of some in one transaction of SQLite.
    pub(super) async fn call(
        &self,
        operation: &'static str,
        [postgres, sqlite]: [&str; 2],
        binds: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<QueryResult>, JobsError> {
        if self.database.backend() == Backend::Postgres {
            return self.rows(operation, postgres, binds).await;
        }
        let statement = &sql(sqlite, binds);
        let work = |tx: Transaction| async move { tx.query_all(statement.clone()).await };
        self.bounded::<_, DatabaseError>(operation, self.database.transaction(TxOptions::default(), work))
            .await
    }

    /// Runs a statement; returns how many rows it changed.
    pub(super) async fn execute(
        &self,
        operation: &'static str,
        text: impl Into<String>,
        binds: impl IntoIterator<Item = Value>,
    ) -> Result<u64, JobsError> {
        let work = self.database.execute(sql(text, binds));
        Ok(self.bounded(operation, work).await?.rows_affected())
    }
}

impl std::fmt::Debug for DatabaseJobStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseJobStore").finish_non_exhaustive()
    }
}

/// A JSON document as a bind.
fn document(rows: impl IntoIterator<Item = serde_json::Value>) -> Value {
    serde_json::Value::from_iter(rows).to_string().into()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

const CLAIM: [&str; 2] =
    ["SELECT * FROM underpin_job_take(CAST($1 AS jsonb), $2, $3)", include_str!("../sql/claim.sqlite.sql")];

const FINISH: [&str; 2] =
    ["SELECT * FROM underpin_job_finish(CAST($1 AS jsonb))", include_str!("../sql/finish.sqlite.sql")];

const HEARTBEAT: [&str; 2] = [
    "SELECT * FROM underpin_job_heartbeat(CAST($1 AS jsonb), $2)",
    "UPDATE underpin_job SET lease_until = CAST(unixepoch('subsec') * 1000 AS INTEGER) + $2 \
     WHERE (id, run) IN (SELECT value ->> 'id', value ->> 'run' FROM json_each($1)) RETURNING id, run, cancel_asked",
];

const PROGRESS: [&str; 2] = [
    "SELECT underpin_job_progress(CAST($1 AS jsonb))",
    "UPDATE underpin_job SET done = max(coalesce(done, 0), r.value ->> 'done'), total = r.value ->> 'total', \
     note = r.value ->> 'note' FROM json_each($1) r WHERE underpin_job.id = r.value ->> 'id' AND run = r.value ->> 'run'",
];

const RESCUE: [&str; 2] = [
    "SELECT * FROM underpin_job_rescue(CAST($1 AS jsonb), $2)",
    "UPDATE underpin_job SET becomes = CASE WHEN cancel_asked THEN 'cancelled' WHEN rescues >= $2 THEN 'dead' END, keep = 1, \
     reason = iif(cancel_asked, reason, 'lost'), run = NULL, worker = NULL, lease_until = NULL, rescues = rescues + 1, \
     done = NULL, total = NULL, note = NULL, due = iif(rescues > 0 AND rescues < $2, \
     CAST(unixepoch('subsec') * 1000 AS INTEGER) + abs(random() % (1000 << min(rescues, 6))), due) \
     WHERE id IN (SELECT j.id FROM underpin_job j WHERE j.run IS NOT NULL AND j.lease_until < CAST(unixepoch('subsec') * 1000 AS INTEGER) \
     AND EXISTS (SELECT 1 FROM json_each($1) WHERE value ->> 'kind' = j.kind AND j.version <= value ->> 'version') \
     ORDER BY j.lease_until LIMIT 100) RETURNING id, kind, coalesce(becomes, 'requeued')",
];

#[async_trait]
impl JobStore for DatabaseJobStore {
    async fn insert(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, JobsError> {
        let awake = &AwakeQueues::default();
        let work = |tx| async move { insert_in(&tx, jobs, awake).await };
        let inserting = self.database.transaction(TxOptions::default(), work);
        self.bounded::<_, DatabaseError>("insert jobs", inserting).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Claimed>, JobsError> {
        let asks = claim.kinds.iter().map(|kind| {
            let after = kind.after.as_ref().and_then(|place| serde_json::from_str(place).ok());
            json!({
                "queue": kind.queue, "queue_most": kind.queue_most, "kind": kind.kind, "version": kind.version,
                "most": kind.most.min(kind.queue_most), "horizon_ms": millis(kind.horizon),
                "after": after.unwrap_or(serde_json::Value::Null),
            })
        });
        let binds = [document(asks), millis(claim.lease).into(), claim.worker.as_str().into()];
        rows::read(&self.call("claim jobs", CLAIM, binds).await?, rows::claimed)
    }

    async fn finish(&self, results: &[Finished]) -> Result<FinishReport, JobsError> {
        let list = results.iter().map(|result| {
            json!({
                "id": result.run.job, "run": result.run.token, "keep": result.keep, "verdict": result.verdict.as_str(),
                "after_ms": result.verdict.after_ms(), "reason": result.verdict.reason(), "free": result.verdict.is_free(),
            })
        });
        let mut held = rows::read(&self.call("finish jobs", FINISH, [document(list)]).await?, rows::run)?;
        held.sort_unstable();
        Ok(FinishReport::of(results, |run| held.binary_search(run).is_ok()))
    }

    async fn heartbeat(&self, runs: &[RunId], lease: Duration) -> Result<Vec<Heartbeat>, JobsError> {
        let list = runs.iter().map(|run| json!({"id": run.job, "run": run.token}));
        let binds = [document(list), millis(lease).into()];
        let held = self.call("extend the leases", HEARTBEAT, binds).await?;
        rows::read(&held, |row| Ok(Heartbeat { run: rows::run(row)?, cancel: rows::get(row, 2)? }))
    }

    async fn progress(&self, reports: &[(RunId, Progress)]) -> Result<(), JobsError> {
        let list = reports.iter().map(|(run, progress)| {
            let amount = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            json!({
                "id": run.job, "run": run.token, "done": amount(progress.done), "total": amount(progress.total),
                "note": progress.note,
            })
        });
        self.call("write the progress", PROGRESS, [document(list)]).await.map(|_| ())
    }

    async fn rescue(&self, kinds: &[KnownKind], most: u32) -> Result<Vec<Rescue>, JobsError> {
        let known = kinds.iter().map(|known| json!({"kind": known.kind, "version": known.version}));
        let binds = [document(known), i32::try_from(most).unwrap_or(i32::MAX).into()];
        rows::read(&self.call("rescue lost jobs", RESCUE, binds).await?, rows::rescue)
    }

    /// SQLite has no NOTIFY.
    async fn set_notify(&self, queues: &[String], notify: bool) -> Result<(), JobsError> {
        if self.database.backend() != Backend::Postgres {
            return Ok(());
        }
        let text = "INSERT INTO underpin_job_queue (queue, notify) \
                    SELECT q.queue, $2 FROM jsonb_array_elements_text(CAST($1 AS jsonb)) AS q(queue) ORDER BY 1 \
                    ON CONFLICT (queue) DO UPDATE SET notify = excluded.notify \
                    WHERE underpin_job_queue.notify <> excluded.notify";
        let binds = [document(queues.iter().map(|queue| json!(queue))), notify.into()];
        self.execute("set the notify mode", text, binds).await.map(|_| ())
    }
}
