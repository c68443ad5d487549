//! One migrator at a time.

use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};

use crate::{
    Backend, Condition, DatabaseError, Executor, Pool, Session, Transaction, TxOptions,
    settings::PoolingMode, sql,
};

/// How long a SQLite file may be busy with someone else's migration.
const PATIENCE: Duration = Duration::from_secs(60);

/// "underpin" in ASCII: the key of the lock, for all sets and all processes.
const KEY: i64 = 0x756e_6465_7270_696e;

/// Those of one process who migrate SQLite files. A sea-orm migrator has its own connection and no transaction around what
/// it looks up and does, so that two of them would run the same migration.
static SQLITE: Mutex<()> = Mutex::const_new(());

/// How long to wait before asking for the lock again.
const POLL: Duration = Duration::from_millis(50);

/// The right to migrate.
///
/// On PostgreSQL it is a session-level advisory lock, which ends with its connection, however that ends; the connection is
/// closed afterwards. Behind a transaction pooler each transaction takes the lock by itself. On SQLite each transaction locks
/// the file, and the migrations of one process wait for each other besides.
///
/// The lock is polled. A session that waits for it in a statement keeps a snapshot open, for which `CREATE INDEX
/// CONCURRENTLY` waits: the holder of the lock would wait for the others, and they for it.
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
                // An index on a large table takes its time. This statement also makes the pool close the connection in the
                // end, and with that release the lock.
                session.set_statement_timeout(Duration::ZERO).await?;
                while !is_locked(&session, "SELECT pg_try_advisory_lock($1)").await? {
                    tokio::time::sleep(POLL).await;
                }
                false
            }
        };
        Ok(Self { session, per_transaction, _in_process: in_process })
    }

    pub(super) async fn begin(&self) -> Result<Transaction, DatabaseError> {
        let started_at = Instant::now();
        loop {
            let tx = match self.session.begin_with(TxOptions::default()).await {
                Err(busy) if busy.condition() == Condition::Conflict && started_at.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
                begun => begun?,
            };
            if !self.per_transaction {
                return Ok(tx);
            }
            tx.set_statement_timeout(Duration::ZERO).await?;
            if is_locked(&tx, "SELECT pg_try_advisory_xact_lock($1)").await? {
                return Ok(tx);
            }
            tx.rollback().await?;
            tokio::time::sleep(POLL).await;
        }
    }

    pub(super) async fn release(self) {
        if self.session.backend() == Backend::Postgres && !self.per_transaction {
            self.session.discard().await;
        }
    }
}

async fn is_locked(db: &dyn Executor, lock: &str) -> Result<bool, DatabaseError> {
    let row = db.query_one(sql(lock, [KEY.into()])).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(false))
}
