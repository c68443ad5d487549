//! Rows one by one. A stream holds its connection; dropped before its end, the pool waits for the server to be done with
//! the rest.

use std::{pin::Pin, time::Instant};

use futures_core::Stream;
use futures_util::TryStreamExt as _;
use sea_orm::{DbBackend, DbErr, QueryResult, Statement, StreamTrait};
use underpin_logger::Context;

use crate::{
    DatabaseError, Pool, Session, Transaction,
    error::Stage,
    pool::{note_session_state, prepare},
    session::{SessionInner, TxId},
    slow_query::QueryTimer,
    spans,
};

type Rows<'a> = Pin<Box<dyn Stream<Item = Result<QueryResult, DbErr>> + Send + 'a>>;
type Opening<'a> = Pin<Box<dyn Future<Output = Result<Rows<'a>, DbErr>> + Send + 'a>>;

impl StreamTrait for Pool {
    type Stream<'a> = Rows<'a>;

    fn get_database_backend(&self) -> DbBackend {
        self.backend().into()
    }

    fn stream_raw<'a>(&'a self, statement: Statement) -> Opening<'a> {
        Box::pin(async move {
            let mut span = spans::statement(self.context(), self.backend(), &statement.sql);
            let call = prepare(self.state(), span.ctx(), statement);
            let (mut lease, timer) = self.acquire().await?;
            spans::acquired(&mut span, timer.waited);
            note_session_state(self.state(), &mut lease, &call.sql);
            let rows: Rows<'a> = Box::pin(async_stream::try_stream! {
                lease.begin_stream(&call).await.map_err(statement_failed)?;
                let mut broken = None;
                {
                    let (mut reply_timeout, limit) = lease.take_reply_timeout();
                    let mut rows = lease.connection().and_then(|connection| connection.rows(&call)).map_err(statement_failed)?;
                    let mut timer = Some(timer.again());
                    loop {
                        let row = reply_timeout.within(limit, Instant::now(), rows.try_next()).await;
                        // What comes after the first row is asked for at the pace of whoever reads.
                        if let Some(timer) = timer.take() {
                            timer.stop().log_statement(self.state(), span.ctx(), &call, None);
                        }
                        match row {
                            Ok(Some(row)) => yield row,
                            Ok(None) => break,
                            Err(error) => {
                                broken = Some(error);
                                break;
                            }
                        }
                    }
                }
                lease.complete(broken.as_ref());
                let result = lease.unwrap_statement(broken.map_or(Ok(()), Err)).await.map_err(statement_failed);
                spans::ended(&mut span, &result, None);
                result?;
            });
            Ok(rows)
        })
    }
}

macro_rules! on_a_session {
    ($($holder:ty: $owner:expr;)+) => {$(
        impl StreamTrait for $holder {
            type Stream<'a> = Rows<'a>;

            fn get_database_backend(&self) -> DbBackend {
                self.backend().into()
            }

            fn stream_raw<'a>(&'a self, statement: Statement) -> Opening<'a> {
                let owner: fn(&Self) -> Option<TxId> = $owner;
                Box::pin(async move { Ok(rows(self.inner(), owner(self), self.context(), statement)) })
            }
        }
    )+};
}

on_a_session! {
    Session: |_| None;
    Transaction: |tx| Some(tx.id());
}

fn statement_failed(error: sqlx::Error) -> DatabaseError {
    DatabaseError::sqlx(error, Stage::Statement)
}

fn rows<'a>(
    session: &'a SessionInner,
    owner: Option<TxId>,
    ctx: Option<&'a Context>,
    statement: Statement,
) -> Rows<'a> {
    Box::pin(async_stream::try_stream! {
        let mut span = spans::statement(ctx, session.backend(), &statement.sql);
        let call = prepare(session.pool(), span.ctx(), statement);
        let mut state = session.enter(owner).await?;
        note_session_state(session.pool(), &mut state.lease, &call.sql);
        state.lease.begin_stream(&call).await.map_err(statement_failed)?;
        let mut failed = None;
        {
            let (mut reply_timeout, limit) = state.lease.take_reply_timeout();
            let mut rows = state.lease.connection().and_then(|connection| connection.rows(&call)).map_err(statement_failed)?;
            let mut timer = Some(QueryTimer::start());
            loop {
                let row = reply_timeout.within(limit, Instant::now(), rows.try_next()).await;
                if let Some(timer) = timer.take() {
                    timer.stop().log_statement(session.pool(), span.ctx(), &call, None);
                }
                match row {
                    Ok(Some(row)) => yield row,
                    Ok(None) => break,
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
        }
        state.lease.complete(failed.as_ref());
        let result = state.lease.unwrap_statement(failed.map_or(Ok(()), Err)).await;
        let result = state.classify(result);
        spans::ended(&mut span, &result, None);
        result?;
    })
}
