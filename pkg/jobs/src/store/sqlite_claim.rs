//! Claims in SQLite: there is one writer, so nothing is claimed twice.

use underpin_database::{DatabaseError, Executor, Transaction, sql};

use super::rows::{claimed, get, millis};
use super::sqlite_end::NOW;
use super::types::{Claim, ClaimQueue, Claimed};

pub(super) async fn claim_queue(
    tx: &Transaction,
    queue: &ClaimQueue,
    claim: &Claim,
) -> Result<Vec<Claimed>, DatabaseError> {
    let mut found = Vec::new();
    for kind in &queue.kinds {
        let text = format!(
            "SELECT id, rank FROM underpin_job WHERE run IS NULL AND queue = $1 AND kind = $2 AND rank <= {NOW} + $3 \
             AND due <= {NOW} AND version <= $4 \
             AND NOT EXISTS (SELECT 1 FROM underpin_job_queue q WHERE q.queue = $1 AND q.paused) \
             ORDER BY rank, due, id LIMIT $5"
        );
        let most = i64::try_from(kind.most.min(queue.most)).unwrap_or(i64::MAX);
        let binds = [
            queue.queue.as_str().into(),
            kind.kind.as_str().into(),
            millis(kind.horizon),
            i64::from(kind.version).into(),
            most.into(),
        ];
        for row in tx.query_all(sql(text, binds)).await? {
            found.push((get::<i64>(&row, 1)?, get::<String>(&row, 0)?));
        }
    }
    found.sort_unstable();
    let mut jobs = Vec::new();
    for (_, id) in found.into_iter().take(queue.most) {
        jobs.extend(claim_one(tx, &id, claim).await?);
    }
    Ok(jobs)
}

async fn claim_one(tx: &Transaction, id: &str, claim: &Claim) -> Result<Option<Claimed>, DatabaseError> {
    tx.execute(sql("UPDATE underpin_job_run SET last = last + 1", [])).await?;
    let text = format!(
        "UPDATE underpin_job SET run = (SELECT last FROM underpin_job_run), attempt = attempt + 1, worker = $2, \
         lease_until = {NOW} + $3 WHERE id = $1 \
         RETURNING id, run, queue, kind, version, attempt, {NOW} - due, payload, headers, unique_scope, unique_key"
    );
    let binds = [id.into(), claim.worker.as_str().into(), millis(claim.lease)];
    let Some(row) = tx.query_one(sql(text, binds)).await? else { return Ok(None) };
    if get::<Option<String>>(&row, 9)?.as_deref() == Some("started") {
        let text = "DELETE FROM underpin_job_unique WHERE kind = $1 AND key = $2 AND job = $3";
        let key: Option<String> = get(&row, 10)?;
        tx.execute(sql(text, [get::<String>(&row, 3)?.into(), key.into(), id.into()])).await?;
    }
    claimed(&row).map(Some)
}
