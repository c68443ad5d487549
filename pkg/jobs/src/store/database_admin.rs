//! What operators ask of a database.

use std::time::Duration;

use async_trait::async_trait;

use super::database::DatabaseJobStore;
use super::{JobAdmin, rows, schema};
use crate::{CancelOutcome, JobFilter, JobId, JobRecord, JobState, JobStatus, JobsError, QueueStatus};

const LIVE: &str = "underpin_job_live_status";
const HISTORY: &str = "underpin_job_history_status";
const DEAD: &str = "underpin_job_dead_status";

/// What `$1` is in PostgreSQL, where ids are no text.
const ID: [&str; 2] = ["CAST($1 AS uuid)", "$1"];

const REPLAY: [&str; 2] = [
    "SELECT underpin_job_replay(CAST($1 AS uuid))",
    "INSERT INTO underpin_job (id, queue, kind, version, due, rank, enqueued_at, reason, headers, payload) \
     SELECT id, queue, kind, version, n.now, n.now + rank_offset, enqueued_at, reason, headers, payload FROM underpin_job_dead, \
     (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now) n WHERE id = $1; \
     DELETE FROM underpin_job_dead WHERE id = $1 RETURNING id",
];

/// The answer is the state before.
const CANCEL: &str = "SELECT iif(run IS NULL, 'removed', 'asked') FROM underpin_job WHERE id = $1 \
                      UNION ALL SELECT 'ended' FROM underpin_job_history WHERE id = $1 \
                      UNION ALL SELECT 'ended' FROM underpin_job_dead WHERE id = $1; \
                      UPDATE underpin_job SET cancel_asked = 1 WHERE id = $1 AND run IS NOT NULL; \
                      UPDATE underpin_job SET becomes = 'cancelled', keep = 1 WHERE id = $1 AND run IS NULL";

#[async_trait]
impl JobAdmin for DatabaseJobStore {
    async fn migrate(&self) -> Result<(), JobsError> {
        schema::migrate(&*self.database).await.map_err(JobsError::during("migrate the tables of jobs"))
    }

    async fn inspect(&self, id: JobId) -> Result<Option<JobRecord>, JobsError> {
        let bind = self.either(ID[0], ID[1]);
        let arm = |view| format!("SELECT {} FROM {view} WHERE id = {bind}", rows::STATUS);
        let text = [LIVE, HISTORY, DEAD].map(arm).join(" UNION ALL ");
        let found = self.rows("read a job", text, [id.to_string().into()]).await?;
        Ok(rows::read(&found, rows::record)?.pop())
    }

    async fn list(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        most: usize,
    ) -> Result<Vec<JobStatus>, JobsError> {
        let arms: &[(&str, &str)] = match filter.state {
            None => &[(LIVE, "true"), (HISTORY, "true"), (DEAD, "true")],
            Some(JobState::Waiting) => &[(LIVE, "run IS NULL")],
            Some(JobState::Running) => &[(LIVE, "run IS NOT NULL")],
            Some(JobState::Done) => &[(HISTORY, "state = 'done'")],
            Some(JobState::Cancelled) => &[(HISTORY, "state = 'cancelled'")],
            Some(JobState::Dead) => &[(DEAD, "true")],
        };
        // Each arm reads one index from the cursor on.
        let (bind, columns) = (self.either(ID[0], ID[1]), rows::STATUS);
        let arm = |(view, condition): &(&str, &str)| {
            format!(
                "SELECT * FROM (SELECT {columns} FROM {view} WHERE {condition} AND id > {bind} AND ($2 IS NULL OR kind = $2) \
                 AND ($3 IS NULL OR queue = $3) ORDER BY id LIMIT $4) page"
            )
        };
        let arms: Vec<String> = arms.iter().map(arm).collect();
        let text = format!("{} ORDER BY 1 LIMIT $4", arms.join(" UNION ALL "));
        let after = after.map_or_else(|| uuid::Uuid::nil().to_string(), |id| id.to_string());
        let most = i64::try_from(most.min(1000)).unwrap_or(1000);
        let binds = [after.into(), filter.kind.clone().into(), filter.queue.clone().into(), most.into()];
        rows::read(&self.rows("list jobs", text, binds).await?, rows::status)
    }

    async fn cancel(&self, id: JobId) -> Result<CancelOutcome, JobsError> {
        let text = ["SELECT underpin_job_cancel(CAST($1 AS uuid))", CANCEL];
        let found = self.call("cancel a job", text, [id.to_string().into()]).await?;
        let outcome = rows::read(&found, |row| rows::named(row, 0))?;
        Ok(outcome.first().copied().unwrap_or(CancelOutcome::Unknown))
    }

    async fn replay(&self, id: JobId) -> Result<bool, JobsError> {
        Ok(!self.call("replay a dead job", REPLAY, [id.to_string().into()]).await?.is_empty())
    }

    async fn discard(&self, id: JobId) -> Result<bool, JobsError> {
        let text = format!("DELETE FROM underpin_job_dead WHERE id = {}", self.either(ID[0], ID[1]));
        Ok(self.execute("discard a dead job", text, [id.to_string().into()]).await? > 0)
    }

    async fn set_paused(&self, queue: &str, paused: bool) -> Result<(), JobsError> {
        let text = "INSERT INTO underpin_job_queue (queue, paused) VALUES ($1, $2) \
                    ON CONFLICT (queue) DO UPDATE SET paused = excluded.paused";
        self.execute("pause a queue", text, [queue.into(), paused.into()]).await.map(|_| ())
    }

    async fn queues(&self) -> Result<Vec<QueueStatus>, JobsError> {
        let counts =
            self.either(include_str!("../sql/queues.postgres.sql"), include_str!("../sql/queues.sqlite.sql"));
        let text = format!(
            "SELECT queue, kind, version, CAST(sum(ready) AS bigint), CAST(sum(scheduled) AS bigint), \
             CAST(sum(running) AS bigint), CAST(sum(dead) AS bigint), max(oldest_ms), \
             EXISTS (SELECT 1 FROM underpin_job_queue q WHERE q.queue = c.queue AND q.paused) \
             FROM ({counts}) c GROUP BY queue, kind, version ORDER BY queue, kind, version"
        );
        rows::read(&self.rows("count the jobs", text, []).await?, rows::queue)
    }

    /// Deletes what is old enough: history, windows of unique keys, ticks.
    async fn sweep(&self, keep: Duration, most: u32) -> Result<u64, JobsError> {
        /// Ticks of this age cannot fire again: `last_tick` is later.
        const TICKS: i64 = 7 * 24 * 60 * 60 * 1000;
        let ago = self.either(
            "clock_timestamp() - $1 * interval '1 millisecond'",
            "CAST(unixepoch('subsec') * 1000 AS INTEGER) - $1",
        );
        let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        let mut swept = 0;
        for (table, key, column, age) in [
            ("underpin_job_history", "id", "ended_at", keep),
            ("underpin_job_unique", "(kind, key)", "until", 0),
            ("underpin_job_tick", "(name, at)", "fired_at", TICKS),
        ] {
            let columns = key.trim_matches(['(', ')']);
            let text = format!(
                "DELETE FROM {table} WHERE {column} < {ago} AND {key} IN \
                 (SELECT {columns} FROM {table} WHERE {column} < {ago} ORDER BY {column} LIMIT $2)"
            );
            swept += self.execute("delete old rows", text, [age.into(), i64::from(most).into()]).await?;
        }
        Ok(swept)
    }
}
