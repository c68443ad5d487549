use std::{fmt, marker::PhantomData, time::Instant};

use futures_util::{FutureExt as _, TryStreamExt as _, future::BoxFuture, stream::BoxStream};
use sqlx::{Describe, Execute, SqlStr};
use underpin_logger::Context;

use super::{
    backend::{SqlxBackend, Step},
    query::Parts,
    stream::sent_by,
};
use crate::{
    PoolingMode, Transaction,
    driver::{Connection, check_text},
    pool::note_session_state,
    session::{SessionInner, TxId},
    slow_query::QueryTimer,
    spans,
};

/// sqlx's `Executor` on a [`Transaction`]; see `Transaction::sqlx`.
pub struct SqlxExecutor<'t, D> {
    session: &'t SessionInner,
    id: TxId,
    ctx: Option<&'t Context>,
    database: PhantomData<fn() -> D>,
}

impl<'t, D: SqlxBackend> SqlxExecutor<'t, D> {
    pub(super) fn new(transaction: &'t Transaction) -> Self {
        let (session, ctx) = (transaction.inner(), transaction.context());
        Self { session, id: transaction.id(), ctx, database: PhantomData }
    }

    fn take_apart<'q>(&self, query: impl Execute<'q, D>) -> sqlx::Result<Parts<D>> {
        Parts::of(query, self.session.pool().settings.pooling_mode == PoolingMode::Direct)
    }

    /// Lends the connection to one call of the driver, within the limit on a reply.
    async fn call<T: Send>(
        &self,
        sql: SqlStr,
        operation: impl for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, sqlx::Result<T>> + Send,
    ) -> sqlx::Result<T> {
        check_text(sql.as_str())?;
        let session = self.session;
        let mut span = spans::statement(self.ctx, session.backend(), sql.as_str());
        let mut state = session.enter(Some(self.id)).await?;
        note_session_state(session.pool(), &mut state.lease, sql.as_str());
        let timer = QueryTimer::start();
        let (mut reply_timeout, limit) = state.lease.take_reply_timeout();
        let result = match state.lease.connection() {
            Ok(connection) => reply_timeout.within(limit, timer.started_at(), operation(connection)).await,
            Err(error) => Err(error),
        };
        state.lease.complete(result.as_ref().err());
        timer.stop().log_batch(session.pool(), span.ctx(), sql.as_str(), None);
        let result = state.classify(result);
        spans::ended(&mut span, &result, None);
        Ok(result?)
    }

    /// Sends what the driver says to a query step by step. The connection is lent until the last step.
    async fn send(&self, query: Parts<D>, steps: tokio::sync::mpsc::Sender<Step<D>>) -> sqlx::Result<()> {
        let (session, sql) = (self.session, query.sql.clone());
        check_text(sql.as_str())?;
        let mut span = spans::statement(self.ctx, session.backend(), sql.as_str());
        let mut state = session.enter(Some(self.id)).await?;
        note_session_state(session.pool(), &mut state.lease, sql.as_str());
        let (mut reply_timeout, limit) = state.lease.take_reply_timeout();
        let mut failed = None;
        {
            let mut said = D::fetch_many(state.lease.connection()?, query);
            let mut timer = Some(QueryTimer::start());
            loop {
                // The stream that reads is dropped together with this future.
                let Ok(permit) = steps.reserve().await else { return Ok(()) };
                let step = reply_timeout.within(limit, Instant::now(), said.try_next()).await;
                // What comes after the first step is asked for at the pace of whoever reads.
                if let Some(timer) = timer.take() {
                    timer.stop().log_batch(session.pool(), span.ctx(), sql.as_str(), None);
                }
                match step {
                    Ok(Some(step)) => permit.send(step),
                    Ok(None) => break,
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
        }
        state.lease.complete(failed.as_ref());
        let result = state.classify(failed.map_or(Ok(()), Err));
        spans::ended(&mut span, &result, None);
        Ok(result?)
    }
}

impl<'t, D: SqlxBackend> sqlx::Executor<'t> for SqlxExecutor<'t, D> {
    type Database = D;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Step<D>>>
    where
        't: 'e,
        E: 'q + Execute<'q, D>,
    {
        let query = self.take_apart(query);
        sent_by(|steps| async move { self.send(query?, steps).await }.boxed())
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<D::Row>>>
    where
        't: 'e,
        E: 'q + Execute<'q, D>,
    {
        let query = self.take_apart(query);
        async move {
            let query = query?;
            self.call(query.sql.clone(), |connection| D::fetch_optional(connection, query)).await
        }
        .boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [D::TypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<D::Statement>>
    where
        't: 'e,
    {
        let parameters = parameters.to_vec();
        async move { self.call(sql.clone(), |connection| D::prepare(connection, sql, parameters)).await }
            .boxed()
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<Describe<D>>>
    where
        't: 'e,
    {
        async move { self.call(sql.clone(), |connection| D::describe(connection, sql)).await }.boxed()
    }
}

impl<D> fmt::Debug for SqlxExecutor<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlxExecutor").finish_non_exhaustive()
    }
}
