use std::sync::Arc;

use async_trait::async_trait;

use super::executor::Executor;
use crate::{DatabaseError, Session, Transaction, TxOptions};

/// An [`Executor`] with connections to hand out: transactions and sessions.
///
/// Implemented by [`Pool`](crate::Pool). A transaction is no `Connections`: running its closure again inside of a
/// transaction that the server has aborted could not help. [`Transaction::nested`] opens a savepoint.
#[async_trait]
pub trait Connections: Executor {
    /// Opens a transaction. [`DatabaseExt::transaction`](crate::DatabaseExt::transaction) also runs it again after a
    /// conflict.
    ///
    /// # Errors
    /// [`DatabaseError`], classified. No transaction is open afterwards.
    ///
    /// # Cancel safety
    /// Cancel-safe: a transaction that was begun is rolled back before the connection is lent again.
    async fn begin(&self, options: TxOptions) -> Result<Transaction, DatabaseError>;

    /// Takes one connection for a unit of work.
    ///
    /// # Errors
    /// [`Condition::Saturated`](crate::Condition::Saturated), [`Condition::Unreachable`](crate::Condition::Unreachable)
    /// or [`Condition::Closed`](crate::Condition::Closed).
    ///
    /// # Cancel safety
    /// Cancel-safe: the place in the queue is given up.
    async fn session(&self) -> Result<Session, DatabaseError>;
}

const _: fn(&dyn Connections) = |_| ();

#[async_trait]
impl<D: Connections + ?Sized> Connections for Arc<D> {
    async fn begin(&self, options: TxOptions) -> Result<Transaction, DatabaseError> {
        (**self).begin(options).await
    }

    async fn session(&self) -> Result<Session, DatabaseError> {
        (**self).session().await
    }
}
