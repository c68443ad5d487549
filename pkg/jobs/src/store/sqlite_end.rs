//! How a job leaves the table of those that wait or run, in SQLite.

use underpin_database::sea_orm::Value;
use underpin_database::{DatabaseError, Executor, Transaction, sql};

use super::rows::get;
use super::verdict::Verdict;
use crate::{CancelOutcome, JobId};

/// The clock, in Unix milliseconds.
pub(super) const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/// The state in which the job ends, if it does.
pub(super) fn ends_as(verdict: &Verdict, cancel_asked: bool) -> Option<&'static str> {
    match verdict {
        Verdict::Done => Some("done"),
        Verdict::Dead { .. } => Some("dead"),
        Verdict::Cancelled => Some("cancelled"),
        _ if cancel_asked => Some("cancelled"),
        _ => None,
    }
}

/// Moves a job to the history or to the dead ones, and releases its key.
pub(super) async fn end(
    tx: &Transaction,
    job: JobId,
    state: &'static str,
    reason: Option<String>,
    keep: bool,
) -> Result<(), DatabaseError> {
    let id = Value::from(job.to_string());
    let reason = Value::from(reason);
    if state == "dead" {
        let text = format!(
            "INSERT INTO underpin_job_dead \
             (id, queue, kind, version, attempt, enqueued_at, ended_at, rank_offset, reason, headers, payload) \
             SELECT id, queue, kind, version, attempt, enqueued_at, {NOW}, rank - due, coalesce($2, reason), headers, payload \
             FROM underpin_job WHERE id = $1 ON CONFLICT DO NOTHING"
        );
        tx.execute(sql(text, [id.clone(), reason])).await?;
    } else if keep {
        let text = format!(
            "INSERT INTO underpin_job_history \
             (id, queue, kind, version, attempt, enqueued_at, ended_at, state, reason) \
             SELECT id, queue, kind, version, attempt, enqueued_at, {NOW}, $3, coalesce($2, reason) \
             FROM underpin_job WHERE id = $1 ON CONFLICT DO NOTHING"
        );
        tx.execute(sql(text, [id.clone(), reason, state.into()])).await?;
    }
    let release = "DELETE FROM underpin_job_unique WHERE until IS NULL AND job = $1 AND (kind, key) IN \
                   (SELECT kind, unique_key FROM underpin_job WHERE id = $1)";
    tx.execute(sql(release, [id.clone()])).await?;
    tx.execute(sql("DELETE FROM underpin_job WHERE id = $1", [id])).await.map(|_| ())
}

/// Has a job wait again.
pub(super) async fn give_back(tx: &Transaction, job: JobId, verdict: &Verdict) -> Result<(), DatabaseError> {
    let text = format!(
        "UPDATE underpin_job SET run = NULL, worker = NULL, lease_until = NULL, done = NULL, total = NULL, note = NULL, \
         reason = coalesce($2, reason), attempt = attempt - $3, due = coalesce({NOW} + $4, due), \
         rank = coalesce({NOW} + $4 + (rank - due), rank) WHERE id = $1"
    );
    let free = i64::from(verdict.is_free());
    let binds = [job.to_string().into(), verdict.reason().into(), free.into(), verdict.after_ms().into()];
    tx.execute(sql(text, binds)).await.map(|_| ())
}

pub(super) async fn cancel(tx: &Transaction, job: JobId) -> Result<CancelOutcome, DatabaseError> {
    let id = || [Value::from(job.to_string())];
    let held = tx.query_one(sql("SELECT run FROM underpin_job WHERE id = $1", id())).await?;
    let Some(row) = held else {
        let ended = "SELECT id FROM underpin_job_history WHERE id = $1 UNION ALL \
                     SELECT id FROM underpin_job_dead WHERE id = $1";
        let ended = tx.query_one(sql(ended, id())).await?;
        return Ok(if ended.is_some() { CancelOutcome::Ended } else { CancelOutcome::Unknown });
    };
    if get::<Option<i64>>(&row, 0)?.is_some() {
        tx.execute(sql("UPDATE underpin_job SET cancel_asked = 1 WHERE id = $1", id())).await?;
        return Ok(CancelOutcome::Asked);
    }
    end(tx, job, "cancelled", None, true).await?;
    Ok(CancelOutcome::Removed)
}

pub(super) async fn replay(tx: &Transaction, job: JobId) -> Result<bool, DatabaseError> {
    let text = format!(
        "INSERT INTO underpin_job (id, queue, kind, version, due, rank, enqueued_at, reason, headers, payload) \
         SELECT id, queue, kind, version, {NOW}, {NOW} + rank_offset, enqueued_at, reason, headers, payload \
         FROM underpin_job_dead WHERE id = $1"
    );
    let back = tx.execute(sql(text, [job.to_string().into()])).await?.rows_affected();
    tx.execute(sql("DELETE FROM underpin_job_dead WHERE id = $1", [job.to_string().into()])).await?;
    Ok(back == 1)
}
