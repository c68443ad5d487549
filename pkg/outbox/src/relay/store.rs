use std::sync::Arc;
use std::time::Duration;

use underpin_database::sea_orm::{QueryResult, TryGetable, Value};
use underpin_database::{Backend, Database, DatabaseError, Executor, sql};

use super::batch::Row;
use super::dialect::{Dialect, list};
use crate::{OutboxError, OutboxLag, lag};

/// What one relay reads from and writes to the database, each call within a limit.
pub(super) struct Store {
    pub(super) database: Arc<dyn Database>,
    pub(super) dialect: &'static Dialect,
    /// The name of this relay: one start of one relay, never used again.
    relay: Arc<str>,
    limit: Duration,
}

/// A lane as the table has it when it is acquired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AcquiredLane {
    pub(super) lane: i16,
    pub(super) floor: i64,
}

/// What a fetch asks for.
#[derive(Debug, Clone)]
pub(super) struct FetchPlan {
    pub(super) lanes: Vec<(i16, i64)>,
    /// Rows of one lane at most.
    pub(super) most: u32,
    /// Bytes of one lane, about.
    pub(super) bytes: u64,
}

/// An id, and the number of a transaction that began after it was drawn; both are safe on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) last: i64,
    pub(super) number: i64,
}

/// A key that is blocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) lane: i16,
    pub(super) key: String,
    /// In how many milliseconds it is due; never, when an operator must act first.
    pub(super) due_in_ms: Option<i64>,
}

impl Store {
    pub(super) fn new(database: Arc<dyn Database>, relay: Arc<str>, limit: Duration) -> Self {
        let dialect = Dialect::of(database.backend());
        Self { database, dialect, relay, limit }
    }

    /// Says that this relay lives, and counts those that do.
    pub(super) async fn heartbeat(&self, ttl: Duration) -> Result<usize, OutboxError> {
        self.execute("say that the relay lives", self.dialect.heartbeat, [self.me(), millis(ttl)]).await?;
        let rows = self.rows("count the relays", self.dialect.live, []).await?;
        let live: i64 = rows.first().map_or(Ok(1), |row| get(row, 0)).map_err(read)?;
        Ok(usize::try_from(live).unwrap_or(1).max(1))
    }

    /// Renews leases and writes floors down; returns the lanes that are still ours with the floors they have, and a mark.
    pub(super) async fn renew(
        &self,
        lanes: &[(i16, i64)],
        ttl: Duration,
    ) -> Result<(Vec<AcquiredLane>, Option<Mark>), OutboxError> {
        let names = self.list(lanes.iter().map(|(lane, _)| lane));
        let floors = self.list(lanes.iter().map(|(_, floor)| floor));
        let binds = [self.me(), millis(ttl), names, floors];
        let rows = self.rows("renew the leases", self.dialect.renew, binds).await?;
        let lane = |row| Ok(AcquiredLane { lane: get(row, 0)?, floor: get(row, 1)? });
        let kept = rows.iter().map(lane).collect::<Result<_, _>>().map_err(read)?;
        let mark = match rows.first().filter(|_| self.database.backend() == Backend::Postgres) {
            Some(row) => Some(Mark { last: get(row, 2).map_err(read)?, number: get(row, 3).map_err(read)? }),
            None => None,
        };
        Ok((kept, mark))
    }

    /// Takes free lanes, at most so many.
    pub(super) async fn acquire(&self, most: usize, ttl: Duration) -> Result<Vec<AcquiredLane>, OutboxError> {
        let most = Value::from(i64::try_from(most).unwrap_or(i64::MAX));
        let rows = self.rows("acquire lanes", self.dialect.acquire, [self.me(), millis(ttl), most]).await?;
        let lane = |row| Ok(AcquiredLane { lane: get(row, 0)?, floor: get(row, 1)? });
        rows.iter().map(lane).collect::<Result<_, _>>().map_err(read)
    }

    /// Gives lanes back.
    pub(super) async fn release(&self, lanes: &[i16]) -> Result<(), OutboxError> {
        self.execute("release lanes", self.dialect.release, [self.me(), self.list(lanes)]).await
    }

    /// Takes this relay, and those not heard of for an hour, off the list.
    pub(super) async fn sign_off(&self) -> Result<(), OutboxError> {
        self.execute("sign the relay off", self.dialect.forget_relays, [self.me()]).await
    }

    /// Says whether producers shall wake this relay.
    pub(super) async fn ring(&self, ring: bool) -> Result<(), OutboxError> {
        match self.dialect.ring {
            Some(text) => self.execute("set the bell", text, [self.me(), ring.into()]).await,
            None => Ok(()),
        }
    }

    /// The next rows of some lanes, lane by lane in the order of their ids; and, on PostgreSQL, the lowest transaction
    /// number that was under way in the snapshot.
    pub(super) async fn fetch(&self, plan: &FetchPlan) -> Result<(Option<i64>, Vec<Row>), OutboxError> {
        let postgres = self.database.backend() == Backend::Postgres;
        // SQLite reads all lanes in one go: the limits are those of the whole.
        let times = if postgres { 1 } else { u32::try_from(plan.lanes.len()).unwrap_or(u32::MAX) };
        let binds = [
            self.list(plan.lanes.iter().map(|(lane, _)| lane)),
            self.list(plan.lanes.iter().map(|(_, floor)| floor)),
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

    /// The keys of these lanes that are blocked.
    pub(super) async fn heads(&self, lanes: &[i16], hold: bool) -> Result<Vec<Head>, OutboxError> {
        let rows =
            self.rows("read the held keys", self.dialect.heads, [self.list(lanes), hold.into()]).await?;
        let head = |row| Ok(Head { lane: get(row, 0)?, key: get(row, 1)?, due_in_ms: get(row, 2)? });
        rows.iter().map(head).collect::<Result<_, _>>().map_err(read)
    }

    /// The first held rows of a key.
    pub(super) async fn held(&self, lane: i16, key: &str, most: i64) -> Result<Vec<Row>, OutboxError> {
        let rows =
            self.rows("read held events", self.dialect.held, [lane.into(), key.into(), most.into()]).await?;
        let held = |row| {
            Ok(Row {
                lane,
                id: get(row, 0)?,
                key: key.to_owned(),
                envelope: get(row, 1)?,
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

    async fn rows(
        &self,
        operation: &'static str,
        text: &'static str,
        binds: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<QueryResult>, OutboxError> {
        self.bounded(operation, self.database.query_all(sql(text, binds))).await
    }

    pub(super) fn relay(&self) -> &str {
        &self.relay
    }

    fn me(&self) -> Value {
        self.relay().into()
    }

    pub(super) fn list<N: ToString>(&self, numbers: impl IntoIterator<Item = N>) -> Value {
        list(self.database.backend(), numbers).into()
    }
}

fn fetched(row: &QueryResult) -> Result<Option<Row>, DatabaseError> {
    let Some(lane) = get::<Option<i16>>(row, 0)? else { return Ok(None) };
    let (id, key, envelope, age_ms) = (get(row, 1)?, get(row, 2)?, get(row, 3)?, get(row, 4)?);
    Ok(Some(Row { lane, id, key, envelope, age_ms, attempts: 0, held: false }))
}

fn millis(duration: Duration) -> Value {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).into()
}

pub(super) fn get<T: TryGetable>(row: &QueryResult, column: usize) -> Result<T, DatabaseError> {
    row.try_get_by_index(column).map_err(DatabaseError::from)
}

fn read(source: DatabaseError) -> OutboxError {
    OutboxError::Database { operation: "read a row", source }
}
