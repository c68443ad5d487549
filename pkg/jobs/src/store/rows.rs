//! What the two SQL stores share: bounded calls, reading rows, and the statements for operators.

use std::sync::Arc;
use std::time::Duration;

use underpin_database::sea_orm::{QueryResult, TryGetable, Value};
use underpin_database::{Backend, Connections, DatabaseError, Executor, sql};

use super::types::Claimed;
use crate::status::time_of;
use crate::{JobFilter, JobId, JobRecord, JobState, JobStatus, JobsError, Progress, QueueStatus, RunId};

/// A database whose calls have a limit.
pub(super) struct Tables {
    pub(super) database: Arc<dyn Connections>,
    limit: Duration,
}

impl Tables {
    pub(super) fn new(database: Arc<dyn Connections>, limit: Duration) -> Self {
        Self { database, limit }
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

    pub(super) async fn rows(
        &self,
        operation: &'static str,
        text: impl Into<String>,
        binds: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<QueryResult>, JobsError> {
        self.bounded(operation, self.database.query_all(sql(text, binds))).await
    }

    pub(super) async fn execute(
        &self,
        operation: &'static str,
        text: impl Into<String>,
        binds: impl IntoIterator<Item = Value>,
    ) -> Result<u64, JobsError> {
        let work = self.database.execute(sql(text, binds));
        Ok(self.bounded(operation, work).await?.rows_affected())
    }

    /// Deletes what is old enough: history, windows of unique keys, ticks.
    pub(super) async fn sweep(&self, keep: Duration, most: u32) -> Result<u64, JobsError> {
        /// Ticks of this age cannot fire again: `last_tick` is later.
        const TICKS: i64 = 7 * 24 * 60 * 60 * 1000;
        let ago = match self.database.backend() {
            Backend::Postgres => "clock_timestamp() - $1 * interval '1 millisecond'",
            _ => "CAST(unixepoch('subsec') * 1000 AS INTEGER) - $1",
        };
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

    pub(super) async fn inspect(&self, id: JobId) -> Result<Option<JobRecord>, JobsError> {
        let (id_bind, arms) = self.arms(&JobFilter::default(), true);
        let arms: Vec<String> = arms.iter().map(|arm| format!("{arm} WHERE id = {id_bind}")).collect();
        let rows = self.rows("read a job", arms.join(" UNION ALL "), [id.to_string().into()]).await?;
        let record = rows.first().map(|row| Ok(JobRecord::new(status(row)?, get(row, 13)?)));
        record.transpose().map_err(JobsError::during("read a job"))
    }

    pub(super) async fn list(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        most: usize,
    ) -> Result<Vec<JobStatus>, JobsError> {
        let (id, arms) = self.arms(filter, false);
        // Each arm reads one index from the cursor on.
        let arms: Vec<String> = arms
            .iter()
            .map(|arm| {
                let link = if arm.contains(" WHERE ") { "AND" } else { "WHERE" };
                format!(
                    "SELECT * FROM ({arm} {link} id > {id} AND ($2 IS NULL OR kind = $2) AND ($3 IS NULL OR queue = $3) \
                     ORDER BY id LIMIT $4) page"
                )
            })
            .collect();
        let text = format!("{} ORDER BY 1 LIMIT $4", arms.join(" UNION ALL "));
        let after =
            after.map_or_else(|| "00000000-0000-0000-0000-000000000000".to_owned(), |id| id.to_string());
        let most = i64::try_from(most.min(1000)).unwrap_or(1000);
        let binds = [after.into(), filter.kind.clone().into(), filter.queue.clone().into(), most.into()];
        let rows = self.rows("list jobs", text, binds).await?;
        rows.iter().map(status).collect::<Result<_, _>>().map_err(JobsError::during("read a job"))
    }

    /// How `$1` becomes an id, and a SELECT for each table that may hold such jobs.
    fn arms(&self, filter: &JobFilter, payload: bool) -> (&'static str, Vec<String>) {
        let postgres = self.database.backend() == Backend::Postgres;
        let (id, bind) =
            if postgres { ("id::text AS name", "CAST($1 AS uuid)") } else { ("id AS name", "$1") };
        let ms = |column: &str| match postgres {
            true => format!("(extract(epoch FROM {column}) * 1000)::bigint"),
            false => column.to_owned(),
        };
        let (none, no_text) = if postgres { ("NULL::bigint", "NULL::text") } else { ("NULL", "NULL") };
        let cancel = if postgres { "cancel_asked" } else { "cancel_asked <> 0" };
        let no = if postgres { "false" } else { "0 <> 0" };
        let payload = if payload { "payload" } else { "''" };
        let enqueued = ms("enqueued_at");
        let live = |condition: &str| {
            let due = ms("due");
            format!(
                "SELECT {id}, kind, version, queue, CASE WHEN run IS NULL THEN 'waiting' ELSE 'running' END AS state, attempt, \
                 {enqueued} AS enqueued, {due} AS at, {cancel} AS cancel, reason, done, total, note, {payload} AS payload \
                 FROM underpin_job{condition}"
            )
        };
        let ended = |table: &str, state: &str, payload: &str, condition: &str| {
            let at = ms("ended_at");
            format!(
                "SELECT {id}, kind, version, queue, {state} AS state, attempt, {enqueued} AS enqueued, {at} AS at, {no} AS cancel, \
                 reason, {none} AS done, {none} AS total, {no_text} AS note, {payload} AS payload FROM {table}{condition}"
            )
        };
        let history = |condition: &str| ended("underpin_job_history", "state", "''", condition);
        let dead = || ended("underpin_job_dead", "'dead'", payload, "");
        let arms = match filter.state {
            None => vec![live(""), history(""), dead()],
            Some(JobState::Waiting) => vec![live(" WHERE run IS NULL")],
            Some(JobState::Running) => vec![live(" WHERE run IS NOT NULL")],
            Some(JobState::Done) => vec![history(" WHERE state = 'done'")],
            Some(JobState::Cancelled) => vec![history(" WHERE state = 'cancelled'")],
            Some(JobState::Dead) => vec![dead()],
        };
        (bind, arms)
    }

    pub(super) async fn set_paused(&self, queue: &str, paused: bool) -> Result<(), JobsError> {
        let text = "INSERT INTO underpin_job_queue (queue, paused) VALUES ($1, $2) \
                    ON CONFLICT (queue) DO UPDATE SET paused = excluded.paused";
        self.execute("pause a queue", text, [queue.into(), paused.into()]).await.map(|_| ())
    }

    pub(super) async fn queues(&self) -> Result<Vec<QueueStatus>, JobsError> {
        let text = match self.database.backend() {
            Backend::Postgres => include_str!("../sql/queues.postgres.sql"),
            _ => include_str!("../sql/queues.sqlite.sql"),
        };
        let counts = self.rows("count the jobs", text, []).await?;
        let mut queues: Vec<QueueStatus> = Vec::new();
        let read = JobsError::during("read the counts");
        for row in &counts {
            let count = counted(row).map_err(read)?;
            match queues.iter_mut().find(|queue| {
                (&queue.queue, &queue.kind, queue.version) == (&count.queue, &count.kind, count.version)
            }) {
                Some(queue) => {
                    queue.ready += count.ready;
                    queue.scheduled += count.scheduled;
                    queue.running += count.running;
                    queue.dead += count.dead;
                    queue.oldest = queue.oldest.max(count.oldest);
                }
                None => queues.push(count),
            }
        }
        let paused =
            self.rows("read the queues", "SELECT queue FROM underpin_job_queue WHERE paused", []).await?;
        for row in &paused {
            let paused: String = get(row, 0).map_err(read)?;
            queues.iter_mut().filter(|queue| queue.queue == paused).for_each(|queue| queue.paused = true);
        }
        queues.sort_by(|a, b| (&a.queue, &a.kind, a.version).cmp(&(&b.queue, &b.kind, b.version)));
        Ok(queues)
    }
}

fn counted(row: &QueryResult) -> Result<QueueStatus, DatabaseError> {
    let count = |column| Ok::<u64, DatabaseError>(u64::try_from(get::<i64>(row, column)?).unwrap_or(0));
    Ok(QueueStatus {
        queue: get(row, 0)?,
        kind: get(row, 1)?,
        version: unsigned(get(row, 2)?),
        ready: count(3)?,
        scheduled: count(4)?,
        running: count(5)?,
        dead: count(6)?,
        oldest: Duration::from_millis(count(7)?),
        paused: false,
    })
}

fn status(row: &QueryResult) -> Result<JobStatus, DatabaseError> {
    let state: String = get(row, 4)?;
    let done: Option<i64> = get(row, 10)?;
    let total: Option<i64> = get(row, 11)?;
    let amount = |count: i64| u64::try_from(count).unwrap_or(0);
    let note = get(row, 12)?;
    Ok(JobStatus {
        id: id(row, 0)?,
        kind: get(row, 1)?,
        version: unsigned(get(row, 2)?),
        queue: get(row, 3)?,
        state: JobState::from_name(&state).unwrap_or(JobState::Waiting),
        attempt: unsigned(get(row, 5)?),
        enqueued_at: time_of(get(row, 6)?),
        at: time_of(get(row, 7)?),
        cancel_asked: get(row, 8)?,
        reason: get(row, 9)?,
        progress: done.map(|done| Progress { done: amount(done), total: amount(total.unwrap_or(0)), note }),
    })
}

/// The attempt in the first two columns.
pub(super) fn run(row: &QueryResult) -> Result<RunId, DatabaseError> {
    Ok(RunId { job: id(row, 0)?, token: get(row, 1)? })
}

/// What a claim returns, the same columns in both databases.
pub(super) fn claimed(row: &QueryResult) -> Result<Claimed, DatabaseError> {
    Ok(Claimed {
        run: run(row)?,
        queue: get(row, 2)?,
        kind: get(row, 3)?,
        version: unsigned(get(row, 4)?),
        attempt: unsigned(get(row, 5)?),
        waited: Duration::from_millis(u64::try_from(get::<i64>(row, 6)?).unwrap_or(0)),
        payload: get(row, 7)?,
        headers: get(row, 8)?,
    })
}

pub(super) fn get<T: TryGetable>(row: &QueryResult, column: usize) -> Result<T, DatabaseError> {
    row.try_get_by_index(column).map_err(DatabaseError::from)
}

/// The id in a column of text. What is no id cannot have been written by this crate.
pub(super) fn id(row: &QueryResult, column: usize) -> Result<JobId, DatabaseError> {
    let text: String = get(row, column)?;
    text.parse().map_err(|_| {
        DatabaseError::from(underpin_database::sea_orm::DbErr::Type("the id of a job is a UUID".to_owned()))
    })
}

pub(super) fn unsigned(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

pub(super) fn millis(duration: Duration) -> Value {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).into()
}
