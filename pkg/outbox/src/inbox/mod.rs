//! The inbox: a handler's database effects happen once, however often its event is delivered.
//!
//! [`Inbox::once`] writes a claim on the event in the transaction of the handler's own changes. Committed, both are there;
//! rolled back, neither is. A second delivery finds the claim and does nothing. Effects outside of that transaction (a
//! mail, a call) are not covered: put them behind an [outbox](crate::Outbox) of their own.

mod handler;
mod settings;
mod sweeper;

pub use settings::InboxSettings;
pub use sweeper::InboxSweeper;

use underpin_database::{Backend, Database, DatabaseError, DatabaseExt, Transaction, TxOptions, sql};

use crate::{InTransaction, OutboxError, schema};
use underpin_events::Event;

/// Remembers which events a consumer has dealt with, in the consumer's own database.
///
/// Works with every backend of events: all it needs is that a repeated delivery has the same source and id, which is what
/// CloudEvents says.
#[derive(Debug, Clone, Default)]
pub struct Inbox {
    settings: InboxSettings,
}

/// What [`Inbox::once`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Applied<T> {
    /// The work was done now, and is committed.
    Now(T),
    /// It was done before; nothing happened.
    Before,
}

impl Inbox {
    /// An inbox with these settings.
    ///
    /// # Errors
    /// [`OutboxError::Setting`].
    pub fn new(settings: InboxSettings) -> Result<Self, OutboxError> {
        OutboxError::check(&settings)?;
        Ok(Self { settings })
    }

    /// The settings.
    pub fn settings(&self) -> &InboxSettings {
        &self.settings
    }

    /// Creates or completes the table of the inbox in the database's default schema. Idempotent, and safe to call from
    /// any number of processes at once.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    ///
    /// # Cancel safety
    /// Cancel-safe: each step is one transaction.
    pub async fn migrate(&self, database: &(impl Database + ?Sized)) -> Result<(), OutboxError> {
        schema::migrate(database, schema::INBOX).await.map_err(OutboxError::during("migrate the inbox"))
    }

    /// Runs `work` in a transaction that also claims the event for `consumer`, and commits both; does nothing when the
    /// claim is there already.
    ///
    /// Ordering: two deliveries of one event at the same time wait for each other; the second then does nothing, or does
    /// the work when the first was rolled back. Idempotency: that is what it is for. Retries: as
    /// [`DatabaseExt::transaction`] does, so `work` can run more than once, each time on a fresh transaction. `consumer`
    /// names who has the effect (a projection, a service): different consumers each do their own work on an event.
    ///
    /// # Errors
    /// The error of `work`, or that of the database. After an ambiguous COMMIT, call it again: it finds the claim if the
    /// commit took effect.
    ///
    /// # Cancel safety
    /// Cancel-safe up to COMMIT; dropped during COMMIT, a second call finds out.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use underpin_database::{Database, DatabaseError, DatabaseSettings, Executor, connect, sql};
    /// use underpin_events::Event;
    /// use underpin_outbox::{Inbox, Applied};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = connect(&DatabaseSettings::new("sqlite::memory:"), Arc::new(underpin_logger::NoopLogger)).await?;
    /// # pool.execute(sql("CREATE TABLE stats (orders INTEGER)", [])).await?;
    /// # pool.execute(sql("INSERT INTO stats VALUES (0)", [])).await?;
    /// let inbox = Inbox::default();
    /// inbox.migrate(&pool).await?;
    /// let event = Event::builder("order.placed", "/orders").build()?;
    /// for expected in [Applied::Now(()), Applied::Before] {
    ///     let outcome = inbox
    ///         .once(&pool, "stats", &event, |tx| async move {
    ///             tx.execute(sql("UPDATE stats SET orders = orders + 1", [])).await?;
    ///             Ok::<_, DatabaseError>(())
    ///         })
    ///         .await?;
    ///     assert_eq!(outcome, expected);
    /// }
    /// # let row = pool.query_one(sql("SELECT orders FROM stats", [])).await?.unwrap();
    /// # assert_eq!(row.try_get_by_index::<i64>(0)?, 1);
    /// # Ok(()) }
    /// ```
    pub async fn once<T, E, F, Fut>(
        &self,
        database: &(impl Database + ?Sized),
        consumer: &str,
        event: &Event,
        work: F,
    ) -> Result<Applied<T>, E>
    where
        T: Send,
        E: From<DatabaseError> + Send,
        F: Fn(Transaction) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        let work = &work;
        database
            .transaction(TxOptions::default(), |tx| async move {
                if claim(&tx, consumer, event).await? {
                    Ok(Applied::Now(work(tx).await?))
                } else {
                    Ok(Applied::Before)
                }
            })
            .await
    }

    /// Claims an event in a transaction of the caller's: `false` when it is claimed already, and its work done.
    ///
    /// # Errors
    /// [`OutboxError::Database`]; the transaction can then only be rolled back.
    ///
    /// # Cancel safety
    /// Dropped half-way, the transaction can only be rolled back.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use underpin_database::{Connections, DatabaseSettings, TxOptions, connect};
    /// use underpin_events::Event;
    /// use underpin_outbox::Inbox;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = connect(&DatabaseSettings::new("sqlite::memory:"), Arc::new(underpin_logger::NoopLogger)).await?;
    /// # let (inbox, event) = (Inbox::default(), Event::builder("order.placed", "/orders").build()?);
    /// # inbox.migrate(&pool).await?;
    /// let tx = pool.begin(TxOptions::default()).await?;
    /// assert!(inbox.claim(&tx, "stats", &event).await?);
    /// // ... the effect, on `tx` ...
    /// tx.commit().await?;
    ///
    /// let again = pool.begin(TxOptions::default()).await?;
    /// assert!(!inbox.claim(&again, "stats", &event).await?, "it was done before");
    /// assert!(inbox.claim(&again, "mail", &event).await?, "others do their own work");
    /// again.rollback().await?;
    /// # Ok(()) }
    /// ```
    pub async fn claim(
        &self,
        tx: &dyn InTransaction,
        consumer: &str,
        event: &Event,
    ) -> Result<bool, OutboxError> {
        claim(tx, consumer, event).await.map_err(OutboxError::during("claim an event"))
    }

    /// Deletes claims older than [`InboxSettings::retention`], in batches; returns how many.
    ///
    /// # Errors
    /// [`OutboxError::Database`]; the batches before it are deleted.
    ///
    /// # Cancel safety
    /// Cancel-safe: each batch is a transaction of its own.
    pub async fn sweep(&self, database: &(impl Database + ?Sized)) -> Result<u64, OutboxError> {
        let text = match database.backend() {
            Backend::Postgres => SWEEP_POSTGRES,
            _ => SWEEP_SQLITE,
        };
        let retention = i64::try_from(self.settings.retention.as_millis()).unwrap_or(i64::MAX / 2);
        let mut swept = 0;
        loop {
            let batch = database.execute(sql(text, [retention.into(), SWEEP_BATCH.into()])).await;
            let batch = batch.map_err(OutboxError::during("sweep the inbox"))?.rows_affected();
            swept += batch;
            if batch < SWEEP_BATCH.unsigned_abs() {
                return Ok(swept);
            }
        }
    }
}

const SWEEP_BATCH: i64 = 5_000;

const SWEEP_POSTGRES: &str = "DELETE FROM underpin_inbox WHERE ctid = ANY (ARRAY(SELECT ctid FROM underpin_inbox \
    WHERE done_at < clock_timestamp() - $1::bigint * interval '1 millisecond' ORDER BY done_at LIMIT $2))";

const SWEEP_SQLITE: &str = "DELETE FROM underpin_inbox WHERE (consumer, source, event_id) IN \
    (SELECT consumer, source, event_id FROM underpin_inbox \
     WHERE done_at < CAST(unixepoch('subsec') * 1000 AS INTEGER) - $1 ORDER BY done_at LIMIT $2)";

async fn claim(tx: &dyn InTransaction, consumer: &str, event: &Event) -> Result<bool, DatabaseError> {
    let text =
        "INSERT INTO underpin_inbox (consumer, source, event_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    Ok(tx.run(sql(text, [consumer.into(), event.source().into(), event.id().into()])).await? > 0)
}
