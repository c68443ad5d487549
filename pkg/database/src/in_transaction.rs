use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, QueryResult, Statement};

use crate::{Backend, DatabaseError, Executor, Transaction, driver::Changes};

/// An open transaction: for functions whose writes must commit together with those of their caller, such as the outbox.
///
/// Implemented for [`Transaction`] and for sea-orm's `DatabaseTransaction`, and sealed: a pool or a connection would commit
/// each statement by itself.
///
/// # Examples
/// ```
/// use underpin_database::{Connections, DatabaseError, InTransaction, TxOptions};
///
/// fn enqueue(_tx: &dyn InTransaction) {}
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), DatabaseError> {
/// # let settings = underpin_database::DatabaseSettings::new("sqlite::memory:");
/// # let pool = underpin_database::connect(&settings, std::sync::Arc::new(underpin_logger::NoopLogger)).await?;
/// let tx = pool.begin(TxOptions::default()).await?;
/// enqueue(&tx);
/// tx.commit().await
/// # }
/// ```
///
/// ```compile_fail,E0277
/// # fn enqueue(_tx: &dyn underpin_database::InTransaction) {}
/// # fn wrong(pool: underpin_database::Pool) {
/// enqueue(&pool);
/// # }
/// ```
#[async_trait]
pub trait InTransaction: sealed::Sealed + Send + Sync {
    #[doc(hidden)]
    fn backend(&self) -> Backend;

    #[doc(hidden)]
    async fn run(&self, statement: Statement) -> Result<u64, DatabaseError>;

    #[doc(hidden)]
    async fn rows(&self, statement: Statement) -> Result<Vec<QueryResult>, DatabaseError>;
}

const _: fn(&dyn InTransaction) = |_| ();

#[async_trait]
impl InTransaction for Transaction {
    fn backend(&self) -> Backend {
        Self::backend(self)
    }

    async fn run(&self, statement: Statement) -> Result<u64, DatabaseError> {
        Ok(Self::run::<Changes>(self, statement).await?.rows_affected())
    }

    async fn rows(&self, statement: Statement) -> Result<Vec<QueryResult>, DatabaseError> {
        Executor::query_all(self, statement).await
    }
}

#[async_trait]
impl InTransaction for DatabaseTransaction {
    fn backend(&self) -> Backend {
        match self.get_database_backend() {
            DbBackend::Sqlite => Backend::Sqlite,
            _ => Backend::Postgres,
        }
    }

    async fn run(&self, statement: Statement) -> Result<u64, DatabaseError> {
        Ok(self.execute_raw(statement).await?.rows_affected())
    }

    async fn rows(&self, statement: Statement) -> Result<Vec<QueryResult>, DatabaseError> {
        Ok(self.query_all_raw(statement).await?)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::Transaction {}
    impl Sealed for sea_orm::DatabaseTransaction {}
}
