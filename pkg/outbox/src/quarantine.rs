use underpin_database::sea_orm::QueryResult;
use underpin_database::{
    Backend, Connections, DatabaseError, DatabaseExt, Executor, Transaction, TxOptions, sql,
};
use underpin_events::{Event, InvalidEventError};

use crate::partition::PARTITIONS;
use crate::text::{read_text, stored_reason};
use crate::{AfterQuarantine, Outbox, OutboxError, OutboxLag, lag};

/// An event that could not be published and waits for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuarantinedEvent {
    /// Names it for [`Outbox::replay`] and [`Outbox::discard`].
    pub row: i64,
    /// Its ordering key.
    pub key: String,
    /// How often it failed.
    pub attempts: u32,
    /// What the last failure said.
    pub reason: String,
    /// The event as it was written.
    pub envelope: String,
}

impl QuarantinedEvent {
    /// The event, where it can be decoded.
    ///
    /// # Errors
    /// [`InvalidEventError`], which is then why it is here.
    pub fn event(&self) -> Result<Event, InvalidEventError> {
        Event::from_json(self.envelope.as_bytes())
    }
}

/// Quarantine and lag, for operators.
impl Outbox {
    /// Events in quarantine, oldest first, from after the row given.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    ///
    /// # Cancel safety
    /// Cancel-safe: it only reads.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use underpin_database::{DatabaseExt, DatabaseSettings, Executor, TxOptions, connect, sql};
    /// use underpin_events::Event;
    /// use underpin_outbox::Outbox;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = connect(&DatabaseSettings::new("sqlite::memory:"), Arc::new(underpin_logger::NoopLogger)).await?;
    /// # let (outbox, event) = (&Outbox::default(), &Event::builder("order.placed", "/orders").subject("42").build()?);
    /// # outbox.migrate(&pool).await?;
    /// # pool.transaction(TxOptions::default(), |tx| async move { outbox.enqueue(&tx, event).await }).await?;
    /// # let row = pool.query_one(sql("SELECT id FROM underpin_outbox", [])).await?.ok_or("it waits")?.try_get_by_index::<i64>(0)?;
    /// // The relay's health names the row as `trouble_at_row`.
    /// assert!(outbox.quarantine(&pool, row, "the broker never takes it").await?);
    /// let put_away = outbox.quarantined(&pool, None, 100).await?;
    /// assert_eq!((put_away.len(), put_away[0].row), (1, row));
    /// assert_eq!(&put_away[0].event()?, event);
    /// assert!(outbox.quarantined(&pool, Some(row), 100).await?.is_empty(), "the next page");
    /// # Ok(()) }
    /// ```
    pub async fn quarantined(
        &self,
        database: &dyn Executor,
        after: Option<i64>,
        most: u32,
    ) -> Result<Vec<QuarantinedEvent>, OutboxError> {
        let text = "SELECT id, key, attempts, reason, envelope FROM underpin_outbox_held \
            WHERE quarantined_at IS NOT NULL AND id > $1 ORDER BY id LIMIT $2";
        let binds = [after.unwrap_or(i64::MIN).into(), i64::from(most).into()];
        let rows =
            database.query_all(sql(text, binds)).await.map_err(OutboxError::during("list the quarantine"))?;
        rows.iter()
            .map(quarantined)
            .collect::<Result<_, _>>()
            .map_err(OutboxError::during("read the quarantine"))
    }

    /// Puts an event into quarantine that waits or is retried. `false` when it does neither (any more).
    ///
    /// For the one case that a relay cannot decide: an event that fails while nothing else is sent may be poison, or the
    /// broker may be down. The relay then stalls, and its health names the row (`trouble_at_row`). An event that is in
    /// flight at this moment may be published all the same. The reason is kept with the row: its first 1,000 characters,
    /// control characters replaced by spaces.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    ///
    /// # Cancel safety
    /// Cancel-safe: it is one transaction. Dropped during COMMIT, a second call finds out.
    pub async fn quarantine(
        &self,
        database: &dyn Connections,
        row: i64,
        reason: &str,
    ) -> Result<bool, OutboxError> {
        let now = now(database.backend());
        let partitions = (0..PARTITIONS).map(|partition| partition.to_string()).collect::<Vec<_>>().join(",");
        let reason = stored_reason(reason);
        // The row must not be sent between the two statements; SQLite has one writer anyway.
        let lock = if database.backend() == Backend::Postgres { "FOR UPDATE" } else { "" };
        // The primary key begins with the partition.
        let take = format!(
            "INSERT INTO underpin_outbox_held (lane, key, id, envelope, created_at, reason, quarantined_at) \
             SELECT lane, key, id, envelope, created_at, $2, {now} FROM underpin_outbox WHERE lane IN ({partitions}) AND id = $1 {lock}"
        );
        let delete = format!("DELETE FROM underpin_outbox WHERE lane IN ({partitions}) AND id = $1");
        let stop = format!(
            "UPDATE underpin_outbox_held SET quarantined_at = {now}, due_at = NULL, reason = $2 \
             WHERE id = $1 AND quarantined_at IS NULL RETURNING lane, key"
        );
        let work = |tx: Transaction| {
            let (take, delete, stop, reason) = (take.clone(), delete.clone(), stop.clone(), reason.clone());
            async move {
                if tx.execute(sql(take, [row.into(), reason.as_str().into()])).await?.rows_affected() > 0 {
                    tx.execute(sql(delete, [row.into()])).await?;
                    return Ok(true);
                }
                lock_partition_of(&tx, row).await?;
                let Some(stopped) = tx.query_one(sql(stop, [row.into(), reason.as_str().into()])).await?
                else {
                    return Ok(false);
                };
                self.promote_next(&tx, &stopped).await?;
                Ok::<_, DatabaseError>(true)
            }
        };
        let done = database.transaction(TxOptions::default(), work).await;
        done.map_err(OutboxError::during("put an event into quarantine"))
    }

    /// Makes an event due again: its failures are forgotten, its id stays. `false` when it is not in quarantine (any more).
    /// Relays see it within a quarter of their lease.
    ///
    /// With [`AfterQuarantine::Continue`] it goes out after events of its key that were enqueued later; with
    /// [`AfterQuarantine::Hold`] before them.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    ///
    /// # Cancel safety
    /// Cancel-safe: it is one transaction. Dropped during COMMIT, a second call finds out.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use underpin_database::{DatabaseExt, DatabaseSettings, Executor, TxOptions, connect, sql};
    /// use underpin_events::Event;
    /// use underpin_outbox::Outbox;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = connect(&DatabaseSettings::new("sqlite::memory:"), Arc::new(underpin_logger::NoopLogger)).await?;
    /// # let (outbox, event) = (&Outbox::default(), &Event::builder("order.placed", "/orders").subject("42").build()?);
    /// # outbox.migrate(&pool).await?;
    /// # pool.transaction(TxOptions::default(), |tx| async move { outbox.enqueue(&tx, event).await }).await?;
    /// # let row = pool.query_one(sql("SELECT id FROM underpin_outbox", [])).await?.ok_or("it waits")?.try_get_by_index::<i64>(0)?;
    /// # outbox.quarantine(&pool, row, "the broker never takes it").await?;
    /// assert!(outbox.replay(&pool, row).await?);
    /// assert!(outbox.quarantined(&pool, None, 100).await?.is_empty(), "it is the relay's again");
    /// assert!(!outbox.replay(&pool, row).await?, "once is enough");
    /// # Ok(()) }
    /// ```
    pub async fn replay(&self, database: &dyn Executor, row: i64) -> Result<bool, OutboxError> {
        let now = now(database.backend());
        let text = format!(
            "UPDATE underpin_outbox_held SET quarantined_at = NULL, attempts = 0, due_at = {now} \
             WHERE id = $1 AND quarantined_at IS NOT NULL"
        );
        let during = OutboxError::during("replay an event");
        Ok(database.execute(sql(text, [row.into()])).await.map_err(during)?.rows_affected() > 0)
    }

    /// Deletes an event from the quarantine. `false` when it is not there (any more).
    ///
    /// With [`AfterQuarantine::Hold`] the events behind it go on.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    ///
    /// # Cancel safety
    /// Cancel-safe: it is one transaction. Dropped during COMMIT, a second call finds out.
    pub async fn discard(&self, database: &dyn Connections, row: i64) -> Result<bool, OutboxError> {
        let discard = "DELETE FROM underpin_outbox_held WHERE id = $1 AND quarantined_at IS NOT NULL RETURNING lane, key";
        let work = |tx: Transaction| async move {
            lock_partition_of(&tx, row).await?;
            let Some(gone) = tx.query_one(sql(discard, [row.into()])).await? else { return Ok(false) };
            self.promote_next(&tx, &gone).await?;
            Ok::<_, DatabaseError>(true)
        };
        database
            .transaction(TxOptions::default(), work)
            .await
            .map_err(OutboxError::during("discard an event"))
    }

    /// Makes the next held event of a key due. `head` has the partition and the key.
    async fn promote_next(&self, tx: &Transaction, head: &QueryResult) -> Result<(), DatabaseError> {
        let (partition, key): (i16, String) = (head.try_get_by_index(0)?, head.try_get_by_index(1)?);
        let hold = self.settings().after_quarantine == AfterQuarantine::Hold;
        let promote = format!(
            "UPDATE underpin_outbox_held SET due_at = {now} WHERE lane = $1 AND key = $2 AND due_at IS NULL \
             AND quarantined_at IS NULL AND id = (SELECT x.id FROM underpin_outbox_held x WHERE x.lane = $1 \
             AND x.key = $2 AND (x.quarantined_at IS NULL OR $3) ORDER BY x.id LIMIT 1)",
            now = now(tx.backend())
        );
        tx.execute(sql(promote, [partition.into(), key.into(), hold.into()])).await.map(|_| ())
    }

    /// How far the outbox is behind, asked of the tables. Cheap, however many events wait.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    ///
    /// # Cancel safety
    /// Cancel-safe: it only reads.
    pub async fn lag(&self, database: &dyn Executor) -> Result<OutboxLag, OutboxError> {
        lag::read(database).await.map_err(OutboxError::during("read the lag"))
    }
}

/// Locks the partition of a held row until the end of the transaction, as a relay does that completes a batch: each of them
/// decides which row of the key is its head, and must see what the other has done.
async fn lock_partition_of(tx: &Transaction, row: i64) -> Result<(), DatabaseError> {
    if tx.backend() == Backend::Postgres {
        let lock = "SELECT FROM underpin_outbox_lanes \
            WHERE lane = (SELECT lane FROM underpin_outbox_held WHERE id = $1) FOR UPDATE";
        tx.query_all(sql(lock, [row.into()])).await?;
    }
    Ok(())
}

fn now(backend: Backend) -> &'static str {
    match backend {
        Backend::Postgres => "clock_timestamp()",
        _ => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
    }
}

fn quarantined(row: &QueryResult) -> Result<QuarantinedEvent, DatabaseError> {
    Ok(QuarantinedEvent {
        row: row.try_get_by_index(0)?,
        key: read_text(row, 1)?,
        attempts: u32::try_from(row.try_get_by_index::<i32>(2)?).unwrap_or(0),
        reason: row.try_get_by_index::<Option<String>>(3)?.unwrap_or_default(),
        envelope: read_text(row, 4)?,
    })
}
