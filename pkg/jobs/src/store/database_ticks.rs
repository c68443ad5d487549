//! Cron in a database.

use async_trait::async_trait;
use serde_json::json;
use underpin_database::sea_orm::Value;

use super::database::DatabaseJobStore;
use super::types::NewJob;
use super::{ScheduleStatus, Tick, TickStore, rows};
use crate::JobsError;

/// In SQLite, each statement does something if the one before did.
const FIRE: [&str; 2] =
    ["SELECT underpin_job_fire($1, $2, $3, CAST($4 AS jsonb))", include_str!("../sql/fire.sqlite.sql")];

#[async_trait]
impl TickStore for DatabaseJobStore {
    async fn register(&self, name: &str, schedule: &str) -> Result<(), JobsError> {
        let now = self.either("floor(extract(epoch FROM clock_timestamp()))::bigint", "unixepoch()");
        let text = format!(
            "INSERT INTO underpin_job_schedule AS s (name, hash, description, last_tick) VALUES ($1, $2, $2, {now}) \
             ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, description = excluded.description, \
             last_tick = CASE WHEN s.last_tick > excluded.last_tick THEN s.last_tick ELSE excluded.last_tick END \
             WHERE s.hash <> excluded.hash"
        );
        let binds = [name, schedule].map(Value::from);
        self.execute("register a cron entry", text, binds).await.map(|_| ())
    }

    async fn schedules(&self) -> Result<(i64, Vec<ScheduleStatus>), JobsError> {
        let now = self.either(
            "(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
            "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
        );
        let text = format!(
            "SELECT {now}, s.name, s.hash, s.paused, s.last_tick \
             FROM (SELECT 1) one LEFT JOIN underpin_job_schedule s ON true ORDER BY s.name"
        );
        let found = self.rows("read the cron entries", text, []).await?;
        let now = rows::read(&found, |row| rows::get(row, 0))?.first().copied().unwrap_or(0);
        Ok((now, rows::read(&found, rows::schedule)?.into_iter().flatten().collect()))
    }

    async fn fire(&self, tick: &Tick, job: &NewJob) -> Result<bool, JobsError> {
        let row = json!({
            "id": job.id, "queue": job.queue, "kind": job.kind, "version": job.version,
            "after_ms": u64::try_from(job.after.as_millis()).unwrap_or(0), "rank_ms": job.rank_offset_ms(),
            "headers": job.headers, "payload": job.payload,
        });
        let binds = [
            tick.name.as_str().into(),
            tick.schedule.as_str().into(),
            tick.at.into(),
            row.to_string().into(),
        ];
        Ok(!self.call("fire a tick", FIRE, binds).await?.is_empty())
    }

    async fn skip(&self, tick: &Tick) -> Result<bool, JobsError> {
        let text = "UPDATE underpin_job_schedule SET last_tick = $3 \
                    WHERE name = $1 AND hash = $2 AND NOT paused AND last_tick < $3";
        let binds = [tick.name.as_str().into(), tick.schedule.as_str().into(), tick.at.into()];
        Ok(self.execute("pass over a tick", text, binds).await? > 0)
    }

    async fn set_schedule_paused(&self, name: &str, paused: bool) -> Result<bool, JobsError> {
        let text = "UPDATE underpin_job_schedule SET paused = $2 WHERE name = $1";
        Ok(self.execute("pause a cron entry", text, [name.into(), paused.into()]).await? > 0)
    }

    async fn remove_schedule(&self, name: &str) -> Result<bool, JobsError> {
        let text = "DELETE FROM underpin_job_schedule WHERE name = $1";
        Ok(self.execute("remove a cron entry", text, [name.into()]).await? > 0)
    }
}
