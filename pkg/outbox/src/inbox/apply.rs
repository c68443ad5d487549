use underpin_database::{Connections, DatabaseError, DatabaseExt, Transaction, TxOptions, sql};
use underpin_events::Event;

use super::InboxSettings;
use crate::{InTransaction, OutboxError, schema};

/// Remembers which events a consumer has processed, in the consumer's own database.
///
/// Works with every backend of events: a repeated delivery has the same source and id, as CloudEvents demands.
#[derive(Debug, Clone, Default)]
pub struct Inbox {
    settings: InboxSettings,
}

/// Whether [`Inbox::once`] ran the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Applied<T> {
    /// The work ran now and is committed, with this result.
    Now(T),
    /// The event was claimed before; nothing happened.
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
    pub async fn migrate(&self, database: &dyn Connections) -> Result<(), OutboxError> {
        schema::migrate(database, schema::INBOX).await.map_err(OutboxError::during("migrate the inbox"))
    }

    /// Runs `work` in a transaction that also claims the event for `consumer`, and commits both; does nothing when the
    /// claim is there already.
    ///
    /// Ordering: two deliveries of one event at the same time wait for each other; the second then does nothing, or does
    /// the work when the first was rolled back. Retries: as [`DatabaseExt::transaction`] does, so `work` can run more than
    /// once, each time in a fresh transaction. `consumer` names who has the effect (a projection, a service): different
    /// consumers each do their own work on an event.
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
        database: &dyn Connections,
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

    /// Claims an event in the caller's transaction: `false` when it was claimed before, and its work is done.
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
}

async fn claim(tx: &dyn InTransaction, consumer: &str, event: &Event) -> Result<bool, DatabaseError> {
    let text =
        "INSERT INTO underpin_inbox (consumer, source, event_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    Ok(tx.run(sql(text, [consumer.into(), event.source().into(), event.id().into()])).await? > 0)
}
