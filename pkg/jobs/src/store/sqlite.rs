use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use underpin_database::sea_orm::Value;
use underpin_database::{Connections, DatabaseError, DatabaseExt, Executor, Transaction, TxOptions, sql};

use super::insert::insert_in;
use super::rows::{Tables, get, id, millis, unsigned};
use super::sqlite_claim::claim_queue;
use super::sqlite_end::{NOW, end, ends_as, give_back};
use super::types::{Claim, Claimed, Heartbeat, KnownKind, NewJob, Rescue, RescueOutcome};
use super::verdict::{FinishReport, Finished};
use super::{JobAdmin, JobStore, RegisteredEntry, ScheduleStatus, Tick, TickStore, schema};
use crate::{
    CancelOutcome, Enqueued, JobFilter, JobId, JobRecord, JobStatus, JobsError, Progress, QueueStatus, RunId,
};

/// Jobs in SQLite, for one machine. Each call is one transaction.
pub struct SqliteJobStore {
    tables: Tables,
}

impl SqliteJobStore {
    /// The store in a database, with a limit for each call.
    pub fn new(database: Arc<dyn Connections>, limit: Duration) -> Self {
        Self { tables: Tables::new(database, limit) }
    }

    async fn transaction<T, F, Fut>(&self, operation: &'static str, work: F) -> Result<T, JobsError>
    where
        T: Send,
        F: Fn(Transaction) -> Fut + Send,
        Fut: Future<Output = Result<T, DatabaseError>> + Send,
    {
        self.tables.bounded(operation, self.tables.database.transaction(TxOptions::default(), work)).await
    }
}

impl std::fmt::Debug for SqliteJobStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteJobStore").finish_non_exhaustive()
    }
}

/// Whether the attempt still had its job.
async fn finish_one(tx: &Transaction, result: &Finished) -> Result<bool, DatabaseError> {
    let held = "SELECT cancel_asked FROM underpin_job WHERE id = $1 AND run = $2";
    let binds = [result.run.job.to_string().into(), result.run.token.into()];
    let Some(row) = tx.query_one(sql(held, binds)).await? else { return Ok(false) };
    match ends_as(&result.verdict, get(&row, 0)?) {
        Some(state) => {
            end(tx, result.run.job, state, result.verdict.reason(), result.keep).await?;
        }
        None => give_back(tx, result.run.job, &result.verdict).await?,
    }
    Ok(true)
}

async fn rescue_lost(tx: &Transaction, known: &[KnownKind], most: u32) -> Result<Vec<Rescue>, DatabaseError> {
    let text = format!(
        "SELECT id, kind, version, rescues, cancel_asked FROM underpin_job WHERE run IS NOT NULL AND lease_until < {NOW}"
    );
    let mut rescued = Vec::new();
    for row in tx.query_all(sql(text, [])).await? {
        let (job, kind): (JobId, String) = (id(&row, 0)?, get(&row, 1)?);
        let version = unsigned(get(&row, 2)?);
        if !known.iter().any(|known| known.kind == kind && version <= known.version) || rescued.len() >= 100 {
            continue;
        }
        let outcome = if get(&row, 4)? {
            end(tx, job, "cancelled", None, true).await?;
            RescueOutcome::Cancelled
        } else if unsigned(get(&row, 3)?) >= most {
            end(tx, job, "dead", Some("lost".to_owned()), true).await?;
            RescueOutcome::Dead
        } else {
            let text = format!(
                "UPDATE underpin_job SET run = NULL, worker = NULL, lease_until = NULL, rescues = rescues + 1, \
                 reason = 'lost', done = NULL, total = NULL, note = NULL, \
                 due = CASE WHEN rescues > 0 THEN {NOW} + abs(random() % (1000 << min(rescues, 6))) ELSE due END WHERE id = $1"
            );
            tx.execute(sql(text, [job.to_string().into()])).await?;
            RescueOutcome::Requeued
        };
        rescued.push(Rescue { job, kind, outcome });
    }
    Ok(rescued)
}

#[async_trait]
impl JobStore for SqliteJobStore {
    async fn insert(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, JobsError> {
        self.transaction("insert jobs", |tx| async move { insert_in(&tx, jobs).await }).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Claimed>, JobsError> {
        let work = |tx| async move {
            let mut jobs = Vec::new();
            for queue in &claim.queues {
                jobs.extend(claim_queue(&tx, queue, claim).await?);
            }
            Ok(jobs)
        };
        self.transaction("claim jobs", work).await
    }

    async fn finish(&self, results: &[Finished]) -> Result<FinishReport, JobsError> {
        let work = |tx| async move {
            let mut held = Vec::new();
            for result in results {
                if finish_one(&tx, result).await? {
                    held.push(result.run);
                }
            }
            Ok(held)
        };
        let held = self.transaction("finish jobs", work).await?;
        Ok(FinishReport::of(results, |run| held.contains(run)))
    }

    async fn heartbeat(&self, runs: &[RunId], lease: Duration) -> Result<Vec<Heartbeat>, JobsError> {
        let work = |tx: Transaction| async move {
            let mut beats = Vec::new();
            for run in runs {
                let text = format!(
                    "UPDATE underpin_job SET lease_until = {NOW} + $3 WHERE id = $1 AND run = $2 RETURNING cancel_asked"
                );
                let binds = [run.job.to_string().into(), run.token.into(), millis(lease)];
                if let Some(row) = tx.query_one(sql(text, binds)).await? {
                    beats.push(Heartbeat { run: *run, cancel: get(&row, 0)? });
                }
            }
            Ok(beats)
        };
        self.transaction("extend the leases", work).await
    }

    async fn progress(&self, reports: &[(RunId, Progress)]) -> Result<(), JobsError> {
        let work = |tx: Transaction| async move {
            let amount = |count: u64| Value::from(i64::try_from(count).unwrap_or(i64::MAX));
            for (run, progress) in reports {
                let text = "UPDATE underpin_job SET done = max(coalesce(done, 0), $3), total = $4, note = $5 \
                            WHERE id = $1 AND run = $2";
                let (done, total) = (amount(progress.done), amount(progress.total));
                let binds =
                    [run.job.to_string().into(), run.token.into(), done, total, progress.note.clone().into()];
                tx.execute(sql(text, binds)).await?;
            }
            Ok(())
        };
        self.transaction("write the progress", work).await
    }

    async fn rescue(&self, known: &[KnownKind], most: u32) -> Result<Vec<Rescue>, JobsError> {
        self.transaction("rescue lost jobs", |tx| async move { rescue_lost(&tx, known, most).await }).await
    }

    /// There is no NOTIFY.
    async fn set_notify(&self, _queues: &[String], _notify: bool) -> Result<(), JobsError> {
        Ok(())
    }
}

#[async_trait]
impl JobAdmin for SqliteJobStore {
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
        self.transaction("cancel a job", |tx| async move { super::sqlite_end::cancel(&tx, id).await }).await
    }

    async fn replay(&self, id: JobId) -> Result<bool, JobsError> {
        self.transaction("replay a dead job", |tx| async move { super::sqlite_end::replay(&tx, id).await })
            .await
    }

    async fn discard(&self, id: JobId) -> Result<bool, JobsError> {
        let text = "DELETE FROM underpin_job_dead WHERE id = $1";
        Ok(self.tables.execute("discard a dead job", text, [id.to_string().into()]).await? == 1)
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
impl TickStore for SqliteJobStore {
    async fn register(&self, entry: &RegisteredEntry) -> Result<(), JobsError> {
        let text = "INSERT INTO underpin_job_schedule (name, hash, description, last_tick) \
                    VALUES ($1, $2, $3, unixepoch()) ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, \
                    description = excluded.description, last_tick = max(last_tick, excluded.last_tick) \
                    WHERE hash <> excluded.hash";
        let binds = [entry.name.as_str(), &entry.hash, &entry.description].map(Value::from);
        self.tables.execute("register a cron entry", text, binds).await.map(|_| ())
    }

    async fn schedules(&self) -> Result<(i64, Vec<ScheduleStatus>), JobsError> {
        let text = format!(
            "SELECT {NOW}, s.name, s.hash, s.description, s.paused, s.last_tick \
             FROM (SELECT 1) one LEFT JOIN underpin_job_schedule s ON true ORDER BY s.name"
        );
        self.tables.schedules(&text).await
    }

    async fn fire(&self, tick: &Tick, job: &NewJob) -> Result<bool, JobsError> {
        let work = |tx: Transaction| async move {
            let entry = "UPDATE underpin_job_schedule SET last_tick = $3 \
                         WHERE name = $1 AND hash = $2 AND NOT paused AND last_tick < $3";
            let (name, at) = (Value::from(tick.name.as_str()), Value::from(tick.at));
            let binds = [name.clone(), tick.hash.as_str().into(), at.clone()];
            if tx.execute(sql(entry, binds)).await?.rows_affected() == 0 {
                return Ok(false);
            }
            let row = format!(
                "INSERT INTO underpin_job_tick (name, at, job, fired_at) VALUES ($1, $2, $3, {NOW}) ON CONFLICT DO NOTHING"
            );
            if tx.execute(sql(row, [name, at, job.id.to_string().into()])).await?.rows_affected() == 0 {
                return Ok(false);
            }
            insert_in(&tx, std::slice::from_ref(job)).await.map(|_| true)
        };
        self.transaction("fire a tick", work).await
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
