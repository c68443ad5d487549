//! Reading the rows of both databases, which have the same columns.

use std::time::Duration;

use serde::de::DeserializeOwned;
use underpin_database::DatabaseError;
use underpin_database::sea_orm::{DbErr, QueryResult, TryGetable};

use super::tick_store::ScheduleStatus;
use super::types::{Claimed, Rescue};
use crate::status::time_of;
use crate::{JobRecord, JobStatus, JobsError, Progress, QueueStatus, RunId};

/// Reads each row.
pub(super) fn read<T>(
    rows: &[QueryResult],
    one: impl Fn(&QueryResult) -> Result<T, DatabaseError>,
) -> Result<Vec<T>, JobsError> {
    rows.iter().map(one).collect::<Result<_, _>>().map_err(JobsError::during("read a row"))
}

pub(super) fn get<T: TryGetable>(row: &QueryResult, column: usize) -> Result<T, DatabaseError> {
    row.try_get_by_index(column).map_err(DatabaseError::from)
}

/// A count or an amount.
fn unsigned(row: &QueryResult, column: usize) -> Result<u64, DatabaseError> {
    Ok(u64::try_from(get::<i64>(row, column)?).unwrap_or(0))
}

fn small(row: &QueryResult, column: usize) -> Result<u32, DatabaseError> {
    Ok(u32::try_from(get::<i32>(row, column)?).unwrap_or(0))
}

/// What has a text in the tables: an id, a state. Another text cannot have been written by this crate.
pub(super) fn named<T: DeserializeOwned>(row: &QueryResult, column: usize) -> Result<T, DatabaseError> {
    serde_json::from_value(get::<String>(row, column)?.into())
        .map_err(|error| DatabaseError::from(DbErr::Type(error.to_string())))
}

/// The attempt in the first two columns.
pub(super) fn run(row: &QueryResult) -> Result<RunId, DatabaseError> {
    Ok(RunId { job: named(row, 0)?, token: get(row, 1)? })
}

pub(super) fn claimed(row: &QueryResult) -> Result<Claimed, DatabaseError> {
    Ok(Claimed {
        run: run(row)?,
        queue: get(row, 2)?,
        kind: get(row, 3)?,
        version: small(row, 4)?,
        attempt: small(row, 5)?,
        waited: Duration::from_millis(unsigned(row, 6)?),
        payload: get(row, 7)?,
        headers: get(row, 8)?,
        place: get(row, 9)?,
    })
}

pub(super) fn rescue(row: &QueryResult) -> Result<Rescue, DatabaseError> {
    Ok(Rescue { job: named(row, 0)?, kind: get(row, 1)?, outcome: named(row, 2)? })
}

/// The columns of [`status`], and the payload.
pub(super) const STATUS: &str = "CAST(id AS text) AS name, kind, version, queue, state, attempt, enqueued_at, at, cancel, \
                                 reason, done, total, note, payload";

pub(super) fn status(row: &QueryResult) -> Result<JobStatus, DatabaseError> {
    let progress = match get::<Option<i64>>(row, 10)? {
        Some(_) => {
            Some(Progress { done: unsigned(row, 10)?, total: unsigned(row, 11)?, note: get(row, 12)? })
        }
        None => None,
    };
    Ok(JobStatus {
        id: named(row, 0)?,
        kind: get(row, 1)?,
        version: small(row, 2)?,
        queue: get(row, 3)?,
        state: named(row, 4)?,
        attempt: small(row, 5)?,
        enqueued_at: time_of(get(row, 6)?),
        at: time_of(get(row, 7)?),
        cancel_asked: get(row, 8)?,
        reason: get(row, 9)?,
        progress,
    })
}

pub(super) fn record(row: &QueryResult) -> Result<JobRecord, DatabaseError> {
    Ok(JobRecord::new(status(row)?, get(row, 13)?))
}

pub(super) fn queue(row: &QueryResult) -> Result<QueueStatus, DatabaseError> {
    Ok(QueueStatus {
        queue: get(row, 0)?,
        kind: get(row, 1)?,
        version: small(row, 2)?,
        ready: unsigned(row, 3)?,
        scheduled: unsigned(row, 4)?,
        running: unsigned(row, 5)?,
        dead: unsigned(row, 6)?,
        oldest: Duration::from_millis(unsigned(row, 7)?),
        paused: get(row, 8)?,
    })
}

/// An entry behind the clock in the first column; `None` where there are no entries.
pub(super) fn schedule(row: &QueryResult) -> Result<Option<ScheduleStatus>, DatabaseError> {
    let Some(name) = get(row, 1)? else { return Ok(None) };
    Ok(Some(ScheduleStatus { name, schedule: get(row, 2)?, paused: get(row, 3)?, last_tick: get(row, 4)? }))
}
