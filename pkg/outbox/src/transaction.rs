use async_trait::async_trait;
use underpin_database::sea_orm::{ConnectionTrait, DatabaseTransaction, Statement};
use underpin_database::{Backend, DatabaseError, Transaction};

/// An open database transaction: what [`Outbox::enqueue`](crate::Outbox::enqueue) and
/// [`Inbox::claim`](crate::inbox::Inbox::claim) write in.
///
/// Implemented for underpin's [`Transaction`] and for sea-orm's `DatabaseTransaction`, and for nothing else: a pool or a
/// connection would commit the event by itself, before or without the change that it tells of.
///
/// ```compile_fail,E0277
/// # async fn wrong(outbox: underpin_outbox::Outbox, pool: underpin_database::Pool, event: underpin_events::Event) {
/// outbox.enqueue(&pool, &event).await;
/// # }
/// ```
#[async_trait]
pub trait InTransaction: sealed::Sealed + Send + Sync {
    #[doc(hidden)]
    fn backend(&self) -> Backend;

    #[doc(hidden)]
    async fn run(&self, statement: Statement) -> Result<u64, DatabaseError>;
}

const _: fn(&dyn InTransaction) = |_| ();

#[async_trait]
impl InTransaction for Transaction {
    fn backend(&self) -> Backend {
        Self::backend(self)
    }

    async fn run(&self, statement: Statement) -> Result<u64, DatabaseError> {
        Ok(self.execute_raw(statement).await?.rows_affected())
    }
}

#[async_trait]
impl InTransaction for DatabaseTransaction {
    fn backend(&self) -> Backend {
        match self.get_database_backend() {
            underpin_database::sea_orm::DbBackend::Sqlite => Backend::Sqlite,
            _ => Backend::Postgres,
        }
    }

    async fn run(&self, statement: Statement) -> Result<u64, DatabaseError> {
        Ok(self.execute_raw(statement).await?.rows_affected())
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for underpin_database::Transaction {}
    impl Sealed for underpin_database::sea_orm::DatabaseTransaction {}
}
