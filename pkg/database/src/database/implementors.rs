//! The traits on our types. The inherent methods hold the code; sea-orm's traits in `orm` call the same ones.

use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{ExecResult, QueryResult, Statement};

use super::{connections::Connections, control::PoolControl, executor::Executor};
use crate::{
    Backend, CloseOutcome, DatabaseError, DatabaseHealth, Pool, PoolStats, Session, Transaction, TxOptions,
    driver::{AllRows, Changes, FirstRow},
};

macro_rules! executor {
    ($($holder:ty),+) => {$(
        #[async_trait]
        impl Executor for $holder {
            fn backend(&self) -> Backend {
                Self::backend(self)
            }

            async fn execute(&self, statement: Statement) -> Result<ExecResult, DatabaseError> {
                self.run::<Changes>(statement).await
            }

            async fn query_one(&self, statement: Statement) -> Result<Option<QueryResult>, DatabaseError> {
                self.run::<FirstRow>(statement).await
            }

            async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>, DatabaseError> {
                self.run::<AllRows>(statement).await
            }
        }
    )+};
}

executor!(Pool, Session, Transaction);

#[async_trait]
impl Connections for Pool {
    async fn begin(&self, options: TxOptions) -> Result<Transaction, DatabaseError> {
        self.open_transaction(options).await
    }

    async fn session(&self) -> Result<Session, DatabaseError> {
        Self::session(self).await
    }
}

#[async_trait]
impl PoolControl for Pool {
    async fn health(&self, within: Duration) -> DatabaseHealth {
        Self::health(self, within).await
    }

    fn stats(&self) -> PoolStats {
        Self::stats(self)
    }

    async fn close(&self, within: Duration) -> CloseOutcome {
        Self::close(self, within).await
    }
}
