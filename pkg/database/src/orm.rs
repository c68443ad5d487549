//! sea-orm's traits on our types: entities, paginators and loaders run on them unchanged.

use std::pin::Pin;

use async_trait::async_trait;
use sea_orm::{
    AccessMode, ConnectionTrait, DbBackend, DbErr, ExecResult, IsolationLevel, QueryResult, Schema,
    SchemaBuilder, Statement, StatementBuilder, TransactionError, TransactionOptions, TransactionSession,
    TransactionTrait,
};

use crate::{
    Isolation, Pool, Session, Transaction, TxOptions,
    driver::{AllRows, Changes, FirstRow},
    sql,
};

macro_rules! connection {
    ($($holder:ty),+) => {$(
        #[async_trait]
        impl ConnectionTrait for $holder {
            fn get_database_backend(&self) -> DbBackend {
                self.backend().into()
            }

            async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
                Ok(self.run::<Changes>(statement).await?)
            }

            // The three below are what entities call. Written out, they save the box of a future in between.
            async fn execute<S: StatementBuilder>(&self, statement: &S) -> Result<ExecResult, DbErr> {
                Ok(self.run::<Changes>(self.get_database_backend().build(statement)).await?)
            }

            async fn query_one<S: StatementBuilder>(
                &self,
                statement: &S,
            ) -> Result<Option<QueryResult>, DbErr> {
                Ok(self.run::<FirstRow>(self.get_database_backend().build(statement)).await?)
            }

            async fn query_all<S: StatementBuilder>(
                &self,
                statement: &S,
            ) -> Result<Vec<QueryResult>, DbErr> {
                Ok(self.run::<AllRows>(self.get_database_backend().build(statement)).await?)
            }

            async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
                Ok(<$holder>::batch(self, sql).await?)
            }

            async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
                Ok(self.run::<FirstRow>(statement).await?)
            }

            async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
                Ok(self.run::<AllRows>(statement).await?)
            }
        }

        /// What sea-orm's own connections offer outside of its traits.
        impl $holder {
            /// Which kind of database this is, in sea-orm's words. Both `ConnectionTrait` and `StreamTrait` have this method,
            /// and sea-orm's own connections have it besides, so that it can be called with both in scope.
            pub fn get_database_backend(&self) -> DbBackend {
                self.backend().into()
            }

            /// A [`SchemaBuilder`] for this database, which creates the tables of entities.
            pub fn get_schema_builder(&self) -> SchemaBuilder {
                Schema::new(self.get_database_backend()).builder()
            }

            /// Runs an async closure in a transaction, once; commits it on `Ok` and rolls it back on `Err`.
            /// [`DatabaseExt::transaction`](crate::DatabaseExt::transaction) also runs it again after a conflict.
            ///
            /// # Errors
            /// [`TransactionError::Connection`] when BEGIN or COMMIT fails, else the error of the closure.
            ///
            /// # Cancel safety
            /// Cancel-safe up to COMMIT: what was done is rolled back.
            pub async fn transaction_async<F, T, E>(&self, work: F) -> Result<T, TransactionError<E>>
            where
                F: for<'c> AsyncFnOnce(&'c Transaction) -> Result<T, E> + Send,
                T: Send,
                E: std::fmt::Display + std::fmt::Debug + Send,
            {
                let tx = TransactionTrait::begin(self).await.map_err(TransactionError::Connection)?;
                let outcome = work(&tx).await;
                finish(tx, outcome).await
            }

            /// [`transaction_async`](Self::transaction_async) with an isolation level and an access mode.
            ///
            /// # Errors
            /// As there.
            ///
            /// # Cancel safety
            /// As there.
            pub async fn transaction_with_config_async<F, T, E>(
                &self,
                work: F,
                isolation: Option<IsolationLevel>,
                access: Option<AccessMode>,
            ) -> Result<T, TransactionError<E>>
            where
                F: for<'c> AsyncFnOnce(&'c Transaction) -> Result<T, E> + Send,
                T: Send,
                E: std::fmt::Display + std::fmt::Debug + Send,
            {
                let tx =
                    self.begin_with_config(isolation, access).await.map_err(TransactionError::Connection)?;
                let outcome = work(&tx).await;
                finish(tx, outcome).await
            }
        }

        /// Opens transactions of this crate. The closure methods run once; `DatabaseExt::transaction` runs again.
        #[async_trait]
        impl TransactionTrait for $holder {
            type Transaction = Transaction;

            async fn begin(&self) -> Result<Transaction, DbErr> {
                Ok(self.open_transaction(TxOptions::default()).await?)
            }

            async fn begin_with_config(
                &self,
                isolation: Option<IsolationLevel>,
                access: Option<AccessMode>,
            ) -> Result<Transaction, DbErr> {
                Ok(self.open_transaction(options(isolation, access)).await?)
            }

            async fn begin_with_options(&self, given: TransactionOptions) -> Result<Transaction, DbErr> {
                Ok(self.open_transaction(options(given.isolation_level, given.access_mode)).await?)
            }

            async fn transaction<F, T, E>(&self, work: F) -> Result<T, TransactionError<E>>
            where
                F: for<'c> FnOnce(
                        &'c Transaction,
                    ) -> Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'c>>
                    + Send,
                T: Send,
                E: std::fmt::Display + std::fmt::Debug + Send,
            {
                once(TransactionTrait::begin(self).await, work).await
            }

            async fn transaction_with_config<F, T, E>(
                &self,
                work: F,
                isolation: Option<IsolationLevel>,
                access: Option<AccessMode>,
            ) -> Result<T, TransactionError<E>>
            where
                F: for<'c> FnOnce(
                        &'c Transaction,
                    ) -> Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'c>>
                    + Send,
                T: Send,
                E: std::fmt::Display + std::fmt::Debug + Send,
            {
                once(self.begin_with_config(isolation, access).await, work).await
            }
        }
    )+};
}

connection!(Pool, Session, Transaction);

#[async_trait]
impl TransactionSession for Transaction {
    async fn commit(self) -> Result<(), DbErr> {
        Ok(Self::commit(self).await?)
    }

    async fn rollback(self) -> Result<(), DbErr> {
        Ok(Self::rollback(self).await?)
    }
}

async fn once<F, T, E>(begun: Result<Transaction, DbErr>, work: F) -> Result<T, TransactionError<E>>
where
    F: for<'c> FnOnce(&'c Transaction) -> Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'c>> + Send,
    T: Send,
    E: std::fmt::Display + std::fmt::Debug + Send,
{
    let tx = begun.map_err(TransactionError::Connection)?;
    let outcome = work(&tx).await;
    finish(tx, outcome).await
}

async fn finish<T, E>(tx: Transaction, outcome: Result<T, E>) -> Result<T, TransactionError<E>>
where
    E: std::fmt::Display + std::fmt::Debug,
{
    match outcome {
        Ok(value) => {
            tx.commit().await.map_err(|error| TransactionError::Connection(error.into()))?;
            Ok(value)
        }
        Err(error) => {
            // The caller's error is what matters; a rollback that fails leaves it to the pool.
            drop(tx.rollback().await);
            Err(TransactionError::Transaction(error))
        }
    }
}

impl Pool {
    /// Checks that a connection can be acquired and the server answers.
    ///
    /// # Errors
    /// As for a statement.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.run::<FirstRow>(sql("SELECT 1", [])).await?;
        Ok(())
    }
}

/// SQLite's transaction mode is left out: a writer always takes the lock at once here.
fn options(isolation: Option<IsolationLevel>, access: Option<AccessMode>) -> TxOptions {
    let mut options = TxOptions::default();
    if let Some(isolation) = isolation {
        options = options.isolation(match isolation {
            // PostgreSQL has no level below.
            IsolationLevel::ReadUncommitted | IsolationLevel::ReadCommitted => Isolation::ReadCommitted,
            IsolationLevel::RepeatableRead => Isolation::RepeatableRead,
            IsolationLevel::Serializable => Isolation::Serializable,
        });
    }
    if access == Some(AccessMode::ReadOnly) {
        options = options.read_only();
    }
    options
}
