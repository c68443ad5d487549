use underpin_database::sea_orm::Value;
use underpin_database::{Connections, sql};
use underpin_events::Event;

use crate::partition::partition_of;
use crate::signals::OutboxSignals;
use crate::{InTransaction, OutboxError, OutboxRow, OutboxSettings, schema};

/// The longest ordering key in bytes: it is part of a primary key, and PostgreSQL's B-tree takes 2,704 bytes a row.
const MAX_KEY: usize = 1024;
/// Events in one statement; SQLite takes 32,766 binds, and three go to each event.
const CHUNK: usize = 1000;

/// Writes events in the transaction of the change that they tell of; a relay publishes them afterwards.
///
/// Cheap to clone. Clones share the signal that wakes the [`Relay`](crate::Relay)s of this process.
#[derive(Debug, Clone, Default)]
pub struct Outbox {
    settings: OutboxSettings,
    signals: OutboxSignals,
}

impl Outbox {
    /// An outbox with these settings.
    ///
    /// # Errors
    /// [`OutboxError::Setting`].
    pub fn new(settings: OutboxSettings) -> Result<Self, OutboxError> {
        OutboxError::check(&settings)?;
        Ok(Self { settings, signals: OutboxSignals::default() })
    }

    /// The settings.
    pub fn settings(&self) -> &OutboxSettings {
        &self.settings
    }

    /// Creates or completes the tables of the outbox in the database's default schema.
    ///
    /// Idempotent; any number of processes may call it at once (an advisory lock on PostgreSQL, the write lock on
    /// SQLite). It never drops or rewrites anything.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    ///
    /// # Cancel safety
    /// Cancel-safe: each step is one transaction.
    pub async fn migrate(&self, database: &dyn Connections) -> Result<(), OutboxError> {
        schema::migrate(database, schema::OUTBOX).await.map_err(OutboxError::during("migrate the outbox"))
    }

    /// Writes an event in the caller's transaction: it is published if and only if the transaction commits.
    ///
    /// Ordering: events of one [key](Event::ordering_key) are published in the order in which they were enqueued, where
    /// the second was enqueued after the transaction of the first had committed (or in the same transaction). Writers
    /// that do not wait for each other have no order that anyone could keep; those that lock the row the event is about
    /// before they enqueue, do. Idempotency: enqueuing the same event twice publishes it twice, with one message id.
    ///
    /// # Errors
    /// - [`OutboxError::TooLarge`] and [`OutboxError::KeyTooLong`]: no statement was sent to the database, the transaction can go
    ///   on.
    /// - [`OutboxError::Database`]; the transaction can then only be rolled back.
    ///
    /// # Cancel safety
    /// Dropped half-way, the transaction can only be rolled back.
    pub async fn enqueue(&self, tx: &dyn InTransaction, event: &Event) -> Result<(), OutboxError> {
        self.enqueue_all(tx, std::slice::from_ref(event)).await
    }

    /// Writes many events as [`enqueue`](Self::enqueue) does, a thousand in one round trip, in the order given.
    ///
    /// # Errors
    /// As for [`enqueue`](Self::enqueue).
    ///
    /// # Cancel safety
    /// As for [`enqueue`](Self::enqueue).
    pub async fn enqueue_all<'a>(
        &self,
        tx: &dyn InTransaction,
        events: impl IntoIterator<Item = &'a Event>,
    ) -> Result<(), OutboxError> {
        let (events, _spans): (Vec<_>, Vec<_>) = events.into_iter().map(Event::create_span).unzip();
        let rows = events.iter().map(|event| self.row(event)).collect::<Result<Vec<_>, _>>()?;
        for rows in rows.chunks(CHUNK) {
            let binds: Vec<Value> = rows.iter().flat_map(OutboxRow::binds).collect();
            tx.run(sql(OutboxRow::insert_many(tx.backend(), rows.len()), binds))
                .await
                .map_err(OutboxError::during("enqueue an event"))?;
        }
        // The rows are not committed yet: the relays of this process poll a few times in the next milliseconds.
        self.signals.work.notify();
        Ok(())
    }

    /// The row that stands for an event, for transactions that this crate does not know: of sqlx alone, whichever version,
    /// or of another driver. Call [`wake`](Self::wake) after the commit.
    ///
    /// # Errors
    /// [`OutboxError::TooLarge`] and [`OutboxError::KeyTooLong`].
    ///
    /// # Examples
    /// A transaction of sqlx alone:
    /// ```
    /// # use underpin_database::Backend;
    /// use underpin_events::Event;
    /// use underpin_outbox::{Outbox, OutboxRow};
    ///
    /// async fn tell(outbox: &Outbox, pool: &sqlx::PgPool, event: &Event) -> Result<(), Box<dyn std::error::Error>> {
    ///     let mut tx = pool.begin().await?;
    ///     // ... the change itself, on `tx` ...
    ///     let row = outbox.row(event)?;
    ///     let insert = sqlx::AssertSqlSafe(OutboxRow::insert(Backend::Postgres));
    ///     sqlx::query(insert).bind(row.partition).bind(row.key).bind(row.envelope).execute(&mut *tx).await?;
    ///     tx.commit().await?;
    ///     outbox.wake();
    ///     Ok(())
    /// }
    /// # let (outbox, event) = (Outbox::default(), Event::builder("order.placed", "/orders").subject("42").build()?);
    /// # assert!(OutboxRow::insert(Backend::Postgres).contains("$3") && outbox.row(&event)?.key == "42");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn row(&self, event: &Event) -> Result<OutboxRow, OutboxError> {
        let (envelope, limit) = (event.to_json(), self.settings.max_event.as_usize());
        if envelope.len() > limit {
            return Err(OutboxError::TooLarge { size: envelope.len(), limit });
        }
        let key = event.ordering_key();
        if key.len() > MAX_KEY {
            return Err(OutboxError::KeyTooLong { size: key.len() });
        }
        Ok(OutboxRow {
            partition: partition_of(key),
            key: key.to_owned(),
            envelope: String::from_utf8_lossy(&envelope).into_owned(),
        })
    }

    /// Makes the relays of this process poll now. [`enqueue`](Self::enqueue) does so by itself.
    pub fn wake(&self) {
        self.signals.work.notify();
    }

    pub(crate) fn signals(&self) -> &OutboxSignals {
        &self.signals
    }
}

#[cfg(test)]
mod tests {
    use underpin_config::ByteSize;

    use super::*;

    #[test]
    fn the_producer_hears_of_what_could_not_be_published() {
        let outbox = Outbox::new(OutboxSettings::default().max_event(ByteSize::kib(1))).unwrap();
        let large = Event::builder("a.b", "/t").json(&"x".repeat(2000)).build().unwrap();
        assert!(matches!(outbox.row(&large), Err(OutboxError::TooLarge { limit: 1024, .. })));
        let long = Event::builder("a.b", "/t").subject("x".repeat(1025)).build().unwrap();
        assert!(matches!(Outbox::default().row(&long), Err(OutboxError::KeyTooLong { size: 1025 })));
    }

    #[test]
    fn no_row_holds_a_nul() {
        // An attribute cannot hold one, so neither can a key; JSON escapes those of the payload.
        assert!(Event::builder("a.b", "/t").subject("a\0b").build().is_err());
        assert!(Event::builder("a.b", "/t").partition_key("a\0b").build().is_err());
        assert!(Event::builder("a.b", "/t\0").build().is_err());
        let event = Event::builder("a.b", "/t").json(&"a\0b").build().unwrap();
        assert!(!Outbox::default().row(&event).unwrap().envelope.contains('\0'));
    }

    #[test]
    fn the_key_is_the_partition_key_then_the_subject() {
        let event = Event::builder("a.b", "/t").subject("42").build().unwrap();
        assert_eq!(Outbox::default().row(&event).unwrap().key, "42");
        let event = event.into_builder().partition_key("ada").build().unwrap();
        let row = Outbox::default().row(&event).unwrap();
        assert_eq!((row.key.as_str(), row.partition), ("ada", partition_of("ada")));
        assert_eq!(Event::from_json(row.envelope.as_bytes()).unwrap(), event);
    }
}
