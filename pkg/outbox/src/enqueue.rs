use std::sync::Arc;

use tokio::sync::watch;
use underpin_database::sea_orm::Value;
use underpin_database::{Backend, Database, sql};

use crate::lane::lane_of;
use crate::{InTransaction, OutboxError, OutboxSettings, schema};
use underpin_events::Event;

/// The longest ordering key in bytes: it is part of a primary key, and PostgreSQL's B-tree takes 2,704 bytes a row.
const MAX_KEY: usize = 1024;
/// Events in one statement; SQLite takes 32,766 binds, and three go to each event.
const CHUNK: usize = 1000;

/// The outbox: events that are written in the transaction of the change they tell of, and published afterwards.
///
/// Cheap to clone. Clones share the bell that wakes the [`Relay`](crate::Relay)s of this process.
#[derive(Debug, Clone, Default)]
pub struct Outbox {
    settings: OutboxSettings,
    bell: Bell,
}

impl Outbox {
    /// An outbox with these settings.
    ///
    /// # Errors
    /// [`OutboxError::Setting`].
    pub fn new(settings: OutboxSettings) -> Result<Self, OutboxError> {
        OutboxError::check(&settings)?;
        Ok(Self { settings, bell: Bell::default() })
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
    pub async fn migrate(&self, database: &(impl Database + ?Sized)) -> Result<(), OutboxError> {
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
    /// [`OutboxError::TooLarge`], [`OutboxError::KeyTooLong`], or what the database says; the transaction can then only
    /// be rolled back.
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
        let rows = events.into_iter().map(|event| self.row(event)).collect::<Result<Vec<_>, _>>()?;
        for rows in rows.chunks(CHUNK) {
            let binds: Vec<Value> = rows.iter().flat_map(OutboxRow::binds).collect();
            tx.run(sql(insert(tx.backend(), rows.len()), binds))
                .await
                .map_err(OutboxError::during("enqueue an event"))?;
        }
        // The rows are not committed yet: the relays of this process look a few times in the next milliseconds.
        self.bell.ring();
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
    ///     sqlx::query(insert).bind(row.lane).bind(row.key).bind(row.envelope).execute(&mut *tx).await?;
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
            lane: lane_of(key),
            key: key.to_owned(),
            envelope: String::from_utf8_lossy(&envelope).into_owned(),
        })
    }

    /// Lets the relays of this process look for work now. [`enqueue`](Self::enqueue) does so by itself.
    pub fn wake(&self) {
        self.bell.ring();
    }

    pub(super) fn bell(&self) -> &Bell {
        &self.bell
    }
}

/// Wakes the relays of this process. A relay that does not wait at the moment hears of it when it next does.
#[derive(Debug, Clone, Default)]
pub(super) struct Bell {
    work: Ring,
    lanes: Ring,
}

impl Bell {
    /// There may be work.
    pub(super) fn ring(&self) {
        self.work.0.send_replace(());
    }

    /// A relay has given lanes back.
    pub(super) fn ring_for_lanes(&self) {
        self.lanes.0.send_replace(());
    }

    pub(super) fn listen(&self) -> watch::Receiver<()> {
        self.work.0.subscribe()
    }

    pub(super) fn listen_for_lanes(&self) -> watch::Receiver<()> {
        self.lanes.0.subscribe()
    }
}

#[derive(Debug, Clone)]
struct Ring(Arc<watch::Sender<()>>);

impl Default for Ring {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(())))
    }
}

/// One row of `underpin_outbox`, as [`Outbox::row`] makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxRow {
    /// The lane of the key, bind 1.
    pub lane: i16,
    /// The ordering key, bind 2.
    pub key: String,
    /// The event in the JSON format of CloudEvents, bind 3.
    pub envelope: String,
}

impl OutboxRow {
    /// The statement that inserts one row and, on PostgreSQL, wakes the relay that waits for its lane.
    pub fn insert(backend: Backend) -> String {
        insert(backend, 1)
    }

    /// The same for so many rows in one statement, with three binds each, row after row.
    pub fn insert_many(backend: Backend, rows: usize) -> String {
        insert(backend, rows)
    }

    fn binds(&self) -> [Value; 3] {
        [self.lane.into(), self.key.as_str().into(), self.envelope.as_str().into()]
    }
}

fn insert(backend: Backend, rows: usize) -> String {
    let values: Vec<String> =
        (0..rows).map(|row| format!("(${}, ${}, ${})", 3 * row + 1, 3 * row + 2, 3 * row + 3)).collect();
    let insert = format!("INSERT INTO underpin_outbox (lane, key, envelope) VALUES {}", values.join(", "));
    match backend {
        // NOTIFY makes all commits of the whole server wait for each other, so it is used only while the relay sleeps.
        Backend::Postgres => format!(
            "WITH enqueued AS ({insert} RETURNING lane) \
             SELECT pg_notify('{channel}', '') WHERE EXISTS \
             (SELECT FROM enqueued JOIN underpin_outbox_lanes USING (lane) WHERE bell)",
            channel = schema::CHANNEL
        ),
        _ => insert,
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
    fn the_key_is_the_partition_key_then_the_subject() {
        let event = Event::builder("a.b", "/t").subject("42").build().unwrap();
        assert_eq!(Outbox::default().row(&event).unwrap().key, "42");
        let event = event.into_builder().partition_key("ada").build().unwrap();
        let row = Outbox::default().row(&event).unwrap();
        assert_eq!((row.key.as_str(), row.lane), ("ada", lane_of("ada")));
        assert_eq!(Event::from_json(row.envelope.as_bytes()).unwrap(), event);
    }
}
