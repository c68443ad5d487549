use std::sync::Arc;
use std::time::Duration;

use underpin_database::sea_orm::{QueryResult, TryGetable, Value};
use underpin_database::wake::NotifyMode;
use underpin_database::{Backend, Connections, DatabaseError, Executor, sql};

use super::blocked_keys::BlockedHead;
use super::dialect::{Dialect, list};
use super::low_water::{FetchPlan, LeasedPartition, SnapshotMarker};
use super::outcome::Row;
use crate::text::read_text;
use crate::{OutboxError, OutboxLag, lag};

/// What one worker reads from and writes to the database, each call within a limit.
pub(super) struct Store {
    pub(super) database: Arc<dyn Connections>,
    pub(super) dialect: &'static Dialect,
    /// The name of this worker: that of one start, never used again.
    owner: Arc<str>,
    limit: Duration,
}

impl Store {
    pub(super) fn new(database: Arc<dyn Connections>, owner: Arc<str>, limit: Duration) -> Self {
        let dialect = Dialect::of(database.backend());
        Self { database, dialect, owner, limit }
    }

    /// Registers this worker as live; returns how many are.
    pub(super) async fn heartbeat(&self, ttl: Duration) -> Result<usize, OutboxError> {
        self.execute("register the relay", self.dialect.heartbeat, [self.owner.as_ref().into(), millis(ttl)])
            .await?;
        let rows = self.rows("count the relays", self.dialect.live, []).await?;
        let live: i64 = rows.first().map_or(Ok(1), |row| get(row, 0)).map_err(read)?;
        Ok(usize::try_from(live).unwrap_or(1).max(1))
    }

    /// Renews leases and writes low-water marks; returns the partitions that are still ours with their low-water marks, and
    /// a snapshot marker.
    pub(super) async fn renew(
        &self,
        reached: &[(i16, i64)],
        ttl: Duration,
    ) -> Result<(Vec<LeasedPartition>, Option<SnapshotMarker>), OutboxError> {
        let partitions = self.list(reached.iter().map(|(partition, _)| partition));
        let marks = self.list(reached.iter().map(|(_, mark)| mark));
        let binds = [self.owner.as_ref().into(), millis(ttl), partitions, marks];
        let rows = self.rows("renew the leases", self.dialect.renew, binds).await?;
        let kept = rows.iter().map(leased).collect::<Result<_, _>>().map_err(read)?;
        let marker = match rows.first().filter(|_| self.database.backend() == Backend::Postgres) {
            Some(row) => {
                Some(SnapshotMarker { last: get(row, 2).map_err(read)?, number: get(row, 3).map_err(read)? })
            }
            None => None,
        };
        Ok((kept, marker))
    }

    /// Acquires free partitions, at most so many.
    pub(super) async fn acquire(
        &self,
        most: usize,
        ttl: Duration,
    ) -> Result<Vec<LeasedPartition>, OutboxError> {
        let most = Value::from(i64::try_from(most).unwrap_or(i64::MAX));
        let rows = self
            .rows("acquire partitions", self.dialect.acquire, [self.owner.as_ref().into(), millis(ttl), most])
            .await?;
        rows.iter().map(leased).collect::<Result<_, _>>().map_err(read)
    }

    /// Releases partitions.
    pub(super) async fn release(&self, partitions: &[i16]) -> Result<(), OutboxError> {
        self.execute(
            "release partitions",
            self.dialect.release,
            [self.owner.as_ref().into(), self.list(partitions)],
        )
        .await
    }

    /// Removes this worker, and those that are silent for an hour, from the list.
    pub(super) async fn deregister(&self) -> Result<(), OutboxError> {
        self.execute("deregister the relay", self.dialect.forget_relays, [self.owner.as_ref().into()]).await
    }

    /// Sets whether producers send a NOTIFY for the partitions of this worker.
    pub(super) async fn set_notify_mode(&self, mode: NotifyMode) -> Result<(), OutboxError> {
        match self.dialect.set_notify_mode {
            Some(text) => {
                self.execute(
                    "set the notify mode",
                    text,
                    [self.owner.as_ref().into(), (mode == NotifyMode::On).into()],
                )
                .await
            }
            None => Ok(()),
        }
    }

    /// The next rows of some partitions, each in the order of the ids; and, on PostgreSQL, the lowest transaction number
    /// that was running in the snapshot.
    pub(super) async fn fetch(&self, plan: &FetchPlan) -> Result<(Option<i64>, Vec<Row>), OutboxError> {
        let postgres = self.database.backend() == Backend::Postgres;
        // SQLite reads all partitions in one go: the limits are those of the whole.
        let times = if postgres { 1 } else { u32::try_from(plan.partitions.len()).unwrap_or(u32::MAX) };
        let binds = [
            self.list(plan.partitions.iter().map(|(partition, _)| partition)),
            self.list(plan.partitions.iter().map(|(_, mark)| mark)),
            i32::try_from(plan.most.saturating_mul(times)).unwrap_or(i32::MAX).into(),
            i64::try_from(plan.bytes.saturating_mul(times.into())).unwrap_or(i64::MAX).into(),
        ];
        let rows = self.rows("fetch events", self.dialect.fetch, binds).await?;
        let oldest = match rows.first().filter(|_| postgres) {
            Some(row) => Some(get(row, 5).map_err(read)?),
            None => None,
        };
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(row) = fetched(row).map_err(read)? {
                found.push(row);
            }
        }
        Ok((oldest, found))
    }

    /// The blocked keys of these partitions.
    pub(super) async fn blocked_heads(
        &self,
        partitions: &[i16],
        hold: bool,
    ) -> Result<Vec<BlockedHead>, OutboxError> {
        let rows =
            self.rows("read the held keys", self.dialect.heads, [self.list(partitions), hold.into()]).await?;
        let head = |row| {
            Ok(BlockedHead { partition: get(row, 0)?, key: read_text(row, 1)?, due_in_ms: get(row, 2)? })
        };
        rows.iter().map(head).collect::<Result<_, _>>().map_err(read)
    }

    /// The first held rows of a key.
    pub(super) async fn held(&self, partition: i16, key: &str, most: i64) -> Result<Vec<Row>, OutboxError> {
        let rows = self
            .rows("read held events", self.dialect.held, [partition.into(), key.into(), most.into()])
            .await?;
        let held = |row| {
            Ok(Row {
                partition,
                id: get(row, 0)?,
                key: key.to_owned(),
                envelope: read_text(row, 1)?,
                attempts: u32::try_from(get::<i32>(row, 2)?).unwrap_or(0),
                age_ms: get(row, 3)?,
                held: true,
            })
        };
        rows.iter().map(held).collect::<Result<_, _>>().map_err(read)
    }

    /// Deletes kept events that are old enough, at most so many; returns how many.
    pub(super) async fn sweep_sent(&self, keep: Duration, most: u32) -> Result<u64, OutboxError> {
        let work =
            self.database.execute(sql(self.dialect.sweep_sent, [millis(keep), i64::from(most).into()]));
        Ok(self.bounded("sweep sent events", work).await?.rows_affected())
    }

    /// How far the outbox is behind.
    pub(super) async fn lag(&self) -> Result<OutboxLag, OutboxError> {
        self.bounded("read the lag", lag::read(&*self.database)).await
    }

    pub(super) async fn bounded<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, DatabaseError>>,
    ) -> Result<T, OutboxError> {
        match tokio::time::timeout(self.limit, work).await {
            Ok(result) => result.map_err(OutboxError::during(operation)),
            Err(_) => Err(OutboxError::TimedOut { operation, within: self.limit }),
        }
    }

    pub(super) async fn execute(
        &self,
        operation: &'static str,
        text: &'static str,
        binds: impl IntoIterator<Item = Value>,
    ) -> Result<(), OutboxError> {
        self.bounded(operation, self.database.execute(sql(text, binds))).await.map(|_| ())
    }

    pub(super) async fn rows(
        &self,
        operation: &'static str,
        text: &'static str,
        binds: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<QueryResult>, OutboxError> {
        self.bounded(operation, self.database.query_all(sql(text, binds))).await
    }

    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    pub(super) fn list<N: ToString>(&self, numbers: impl IntoIterator<Item = N>) -> Value {
        list(self.database.backend(), numbers).into()
    }
}

fn leased(row: &QueryResult) -> Result<LeasedPartition, DatabaseError> {
    Ok(LeasedPartition { partition: get(row, 0)?, low_water: get(row, 1)? })
}

fn fetched(row: &QueryResult) -> Result<Option<Row>, DatabaseError> {
    let Some(partition) = get::<Option<i16>>(row, 0)? else { return Ok(None) };
    let (id, key, envelope) = (get(row, 1)?, read_text(row, 2)?, read_text(row, 3)?);
    let age_ms = get(row, 4)?;
    Ok(Some(Row { partition, id, key, envelope, age_ms, attempts: 0, held: false }))
}

fn millis(duration: Duration) -> Value {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).into()
}

pub(super) fn get<T: TryGetable>(row: &QueryResult, column: usize) -> Result<T, DatabaseError> {
    row.try_get_by_index(column).map_err(DatabaseError::from)
}

pub(super) fn read(source: DatabaseError) -> OutboxError {
    OutboxError::Database { operation: "read a row", source }
}
