//! One migrator at a time.

use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};

use crate::{
    Backend, Condition, DatabaseError, Executor as _, Pool, Session, Transaction, TxOptions,
    settings::PoolingMode, sql,
};

/// How long a SQLite file may be busy with someone else's migration.
const PATIENCE: Duration = Duration::from_secs(60);

/// "underpin" in ASCII: the one key under which all sets of all processes take turns.
pub(crate) const KEY: i64 = 0x756e_6465_7270_696e;

/// Those of one process who migrate SQLite files. A sea-orm migrator has a connection of its own and no transaction around what
/// it looks up and does, so that two of them would run the same migration.
static SQLITE: Mutex<()> = Mutex::const_new(());

/// A session that alone may migrate.
///
/// On PostgreSQL it holds a session-level advisory lock, which ends with the connection, however that ends; the
/// connection is never lent to anyone else afterwards. Behind a transaction pooler and on SQLite each transaction takes
/// the lock by itself; on SQLite those of one process wait for each other besides.
pub(super) struct MigrationLock {
    session: Session,
    per_transaction: bool,
    _in_process: Option<MutexGuard<'static, ()>>,
}

impl MigrationLock {
    pub(super) async fn acquire(pool: &Pool) -> Result<Self, DatabaseError> {
        let in_process = if pool.backend() == Backend::Sqlite { Some(SQLITE.lock().await) } else { None };
        let session = pool.session().await?;
        let per_transaction = match pool.backend() {
            Backend::Sqlite => false,
            Backend::Postgres if pool.settings().pooling_mode == PoolingMode::TransactionPooler => true,
            Backend::Postgres => {
                // Waiting for others, or for an index on a large table, is no reason to give up. This statement also
                // makes the pool close the connection in the end, and with that give back the lock.
                session.set_statement_timeout(Duration::ZERO).await?;
                session.query_one(sql("SELECT pg_advisory_lock($1)", [KEY.into()])).await?;
                false
            }
        };
        Ok(Self { session, per_transaction, _in_process: in_process })
    }

    pub(super) async fn begin(&self) -> Result<Transaction, DatabaseError> {
        let started = Instant::now();
        let tx = loop {
            match self.session.begin_with(TxOptions::default()).await {
                Err(busy) if busy.condition() == Condition::Conflict && started.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                begun => break begun?,
            }
        };
        if self.per_transaction {
            tx.set_statement_timeout(Duration::ZERO).await?;
            tx.query_one(sql("SELECT pg_advisory_xact_lock($1)", [KEY.into()])).await?;
        }
        Ok(tx)
    }

    pub(super) async fn release(self) {
        if self.session.backend() == Backend::Postgres && !self.per_transaction {
            self.session.discard().await;
        }
    }
}
