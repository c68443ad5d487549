//! The tables and their migrations. A released migration is never changed.

use underpin_database::{
    Backend, Connections, DatabaseError, DatabaseExt, Executor, Transaction, TxOptions, sql,
};

/// The channel of NOTIFY.
pub(crate) const CHANNEL: &str = "underpin_jobs";

const POSTGRES: &[&str] = &[
    include_str!("../sql/jobs_1.postgres.sql"),
    include_str!("../sql/jobs_2.postgres.sql"),
    include_str!("../sql/jobs_3.postgres.sql"),
];

const SQLITE: &[&str] = &[
    include_str!("../sql/jobs_1.sqlite.sql"),
    include_str!("../sql/jobs_2.sqlite.sql"),
    include_str!("../sql/jobs_3.sqlite.sql"),
];

/// Runs the migrations that are missing, each in a transaction, one process at a time. All of them only add: workers and
/// producers go on meanwhile.
pub(super) async fn migrate(database: &dyn Connections) -> Result<(), DatabaseError> {
    loop {
        let done = database.transaction(TxOptions::default(), step).await?;
        if done {
            return Ok(());
        }
    }
}

/// The next step; `true` when there is none.
async fn step(tx: Transaction) -> Result<bool, DatabaseError> {
    let steps = match tx.backend() {
        Backend::Postgres => {
            // 'undrjobs' in ASCII. SQLite's BEGIN IMMEDIATE needs no such thing.
            tx.execute(sql("SELECT pg_advisory_xact_lock(8461811050631389811)", [])).await?;
            POSTGRES
        }
        _ => SQLITE,
    };
    tx.execute(sql(include_str!("../sql/versions.sql"), [])).await?;
    let row = tx.query_one(sql("SELECT coalesce(max(version), 0) FROM underpin_jobs_schema", [])).await?;
    let done: i32 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    let Some(text) = usize::try_from(done).ok().and_then(|done| steps.get(done)) else {
        return Ok(true);
    };
    tx.batch(text).await?;
    tx.execute(sql("INSERT INTO underpin_jobs_schema (version) VALUES ($1)", [(done + 1).into()])).await?;
    Ok(false)
}
