use underpin_database::Backend;
use underpin_database::sea_orm::Value;

use crate::schema;

/// One row of `underpin_outbox`, as [`Outbox::row`](crate::Outbox::row) makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxRow {
    /// The partition of the key, bind 1 (column `lane`).
    pub partition: i16,
    /// The ordering key, bind 2.
    pub key: String,
    /// The event in the JSON format of CloudEvents, bind 3.
    pub envelope: String,
}

impl OutboxRow {
    /// The statement that inserts one row and, on PostgreSQL, wakes the relay that waits for its partition.
    pub fn insert(backend: Backend) -> String {
        Self::insert_many(backend, 1)
    }

    /// The same for so many rows in one statement, with three binds each, row after row.
    pub fn insert_many(backend: Backend, rows: usize) -> String {
        let values: Vec<String> =
            (0..rows).map(|row| format!("(${}, ${}, ${})", 3 * row + 1, 3 * row + 2, 3 * row + 3)).collect();
        let insert =
            format!("INSERT INTO underpin_outbox (lane, key, envelope) VALUES {}", values.join(", "));
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

    pub(crate) fn binds(&self) -> [Value; 3] {
        [self.partition.into(), self.key.as_str().into(), self.envelope.as_str().into()]
    }
}
