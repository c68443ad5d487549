//! The statements for cron that both SQL stores share.

use underpin_database::DatabaseError;
use underpin_database::sea_orm::QueryResult;

use super::rows::{Tables, get};
use super::tick_store::{ScheduleStatus, Tick};
use crate::JobsError;

impl Tables {
    /// The clock in the first column, in milliseconds; then the entry, if there is one.
    pub(super) async fn schedules(&self, text: &str) -> Result<(i64, Vec<ScheduleStatus>), JobsError> {
        let rows = self.rows("read the cron entries", text, []).await?;
        let read = JobsError::during("read a cron entry");
        let now = rows.first().map_or(Ok(0), |row| get(row, 0)).map_err(read)?;
        let entries = rows.iter().filter_map(|row| schedule(row).transpose());
        Ok((now, entries.collect::<Result<_, _>>().map_err(read)?))
    }

    pub(super) async fn skip(&self, tick: &Tick) -> Result<bool, JobsError> {
        let text = "UPDATE underpin_job_schedule SET last_tick = $3 \
                    WHERE name = $1 AND hash = $2 AND NOT paused AND last_tick < $3";
        let binds = [tick.name.as_str().into(), tick.hash.as_str().into(), tick.at.into()];
        Ok(self.execute("pass over a tick", text, binds).await? > 0)
    }

    pub(super) async fn set_schedule_paused(&self, name: &str, paused: bool) -> Result<bool, JobsError> {
        let text = "UPDATE underpin_job_schedule SET paused = $2 WHERE name = $1";
        Ok(self.execute("pause a cron entry", text, [name.into(), paused.into()]).await? > 0)
    }

    pub(super) async fn remove_schedule(&self, name: &str) -> Result<bool, JobsError> {
        let text = "DELETE FROM underpin_job_schedule WHERE name = $1";
        Ok(self.execute("remove a cron entry", text, [name.into()]).await? > 0)
    }
}

fn schedule(row: &QueryResult) -> Result<Option<ScheduleStatus>, DatabaseError> {
    let Some(name) = get(row, 1)? else { return Ok(None) };
    Ok(Some(ScheduleStatus {
        name,
        hash: get(row, 2)?,
        description: get(row, 3)?,
        paused: get(row, 4)?,
        last_tick: get(row, 5)?,
    }))
}
