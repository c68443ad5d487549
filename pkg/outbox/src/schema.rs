//! The tables and their migrations.

use underpin_database::{
    Backend, Connections, DatabaseError, DatabaseExt, Executor, Transaction, TxOptions, sql,
};

/// The channel of NOTIFY.
pub(crate) const CHANNEL: &str = "underpin_outbox";
/// The payload of a NOTIFY about released partitions; one about work has none.
pub(crate) const PARTITIONS_RELEASED: &str = "lanes";

/// A set of tables with its migrations, in order. A released migration is never changed.
#[derive(Clone, Copy)]
pub(crate) struct TableSet {
    name: &'static str,
    postgres: &'static [&'static str],
    sqlite: &'static [&'static str],
}

pub(crate) const OUTBOX: TableSet = TableSet {
    name: "outbox",
    postgres: &[
        include_str!("sql/outbox_1.postgres.sql"),
        include_str!("sql/outbox_2.postgres.sql"),
        include_str!("sql/outbox_3.postgres.sql"),
    ],
    sqlite: &[include_str!("sql/outbox_1.sqlite.sql")],
};

pub(crate) const INBOX: TableSet = TableSet {
    name: "inbox",
    postgres: &[include_str!("sql/inbox_1.postgres.sql")],
    sqlite: &[include_str!("sql/inbox_1.sqlite.sql")],
};

/// Runs the migrations that are missing, all in one transaction, one process at a time.
pub(crate) async fn migrate(database: &dyn Connections, tables: TableSet) -> Result<(), DatabaseError> {
    database.transaction(TxOptions::default(), move |tx| run(tx, tables)).await
}

async fn run(tx: Transaction, tables: TableSet) -> Result<(), DatabaseError> {
    let steps = match tx.backend() {
        Backend::Postgres => {
            // 'underpin' in ASCII. SQLite's BEGIN IMMEDIATE needs no such thing.
            tx.execute(sql("SELECT pg_advisory_xact_lock(8461811136750184814)", [])).await?;
            tables.postgres
        }
        _ => tables.sqlite,
    };
    tx.execute(sql(include_str!("sql/versions.sql"), [])).await?;
    let version = "SELECT coalesce(max(version), 0) FROM underpin_events_schema WHERE module = $1";
    let row = tx.query_one(sql(version, [tables.name.into()])).await?;
    let done: i32 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    for (step, number) in steps.iter().zip(1_i32..).skip(usize::try_from(done).unwrap_or(0)) {
        tx.batch(step).await?;
        let note = "INSERT INTO underpin_events_schema (module, version) VALUES ($1, $2)";
        tx.execute(sql(note, [tables.name.into(), number.into()])).await?;
    }
    Ok(())
}
