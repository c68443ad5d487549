//! The tables, and how they come into being.

use underpin_database::{
    Backend, Database, DatabaseError, DatabaseExt, Executor, Transaction, TxOptions, sql,
};

use crate::{schema_lists, schema_sql};

/// The channel of NOTIFY.
pub(crate) const CHANNEL: &str = "underpin_outbox";
/// What a NOTIFY carries that tells of free lanes; one that tells of work carries nothing.
pub(crate) const LANES_ARE_FREE: &str = "lanes";

/// A set of tables that grows by steps; a step that was released is never changed.
#[derive(Clone, Copy)]
pub(crate) struct Module {
    name: &'static str,
    postgres: &'static [&'static [&'static str]],
    sqlite: &'static [&'static [&'static str]],
}

pub(crate) const OUTBOX: Module = Module {
    name: "outbox",
    postgres: &[
        schema_sql::OUTBOX_POSTGRES_1,
        schema_sql::OUTBOX_POSTGRES_2,
        schema_lists::OUTBOX_POSTGRES_3,
    ],
    sqlite: &[schema_sql::OUTBOX_SQLITE_1],
};

pub(crate) const INBOX: Module = Module {
    name: "inbox",
    postgres: &[schema_sql::INBOX_POSTGRES_1],
    sqlite: &[schema_sql::INBOX_SQLITE_1],
};

/// Runs the steps that are missing, all in one transaction, one process at a time.
pub(crate) async fn migrate(
    database: &(impl Database + ?Sized),
    module: Module,
) -> Result<(), DatabaseError> {
    database.transaction(TxOptions::default(), move |tx| run(tx, module)).await
}

async fn run(tx: Transaction, module: Module) -> Result<(), DatabaseError> {
    let steps = match tx.backend() {
        Backend::Postgres => {
            // 'underpin' in ASCII. SQLite's BEGIN IMMEDIATE needs no such thing.
            tx.execute(sql("SELECT pg_advisory_xact_lock(8461811136750184814)", [])).await?;
            module.postgres
        }
        _ => module.sqlite,
    };
    tx.execute(sql(schema_sql::VERSIONS, [])).await?;
    let version = "SELECT coalesce(max(version), 0) FROM underpin_events_schema WHERE module = $1";
    let row = tx.query_one(sql(version, [module.name.into()])).await?;
    let done: i32 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    for (step, number) in steps.iter().zip(1_i32..).skip(usize::try_from(done).unwrap_or(0)) {
        for statement in *step {
            tx.execute(sql(*statement, [])).await?;
        }
        let note = "INSERT INTO underpin_events_schema (module, version) VALUES ($1, $2)";
        tx.execute(sql(note, [module.name.into(), number.into()])).await?;
    }
    Ok(())
}
