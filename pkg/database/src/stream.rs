//! Rows one by one. A stream holds its connection; dropped before its end, the pool waits for the server to be done with
//! the rest.

use std::{pin::Pin, time::Instant};

use futures_core::Stream;
use futures_util::TryStreamExt as _;
use sea_orm::{DbBackend, DbErr, QueryResult, Statement, StreamTrait};

use crate::{
    DatabaseError, Pool, Session, Transaction,
    error::Stage,
    line::{Line, TxId},
    slow::Watch,
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
            let call = self.call(statement);
            let (mut lease, watch) = self.core().acquire().await?;
            self.mark_session_state(&mut lease, &call.sql);
            let rows: Rows<'a> = Box::pin(async_stream::try_stream! {
                lease.begin_stream(&call).await.map_err(statement_failed)?;
                let mut broken = None;
                {
                    let (mut timer, limit) = lease.take_timer();
                    let mut rows = lease.enter().map_err(statement_failed)?.rows(&call);
                    let mut watch = Some(watch.again());
                    loop {
                        let row = timer.within(limit, Instant::now(), rows.try_next()).await;
                        // What comes after the first row is asked for at the pace of whoever reads.
                        if let Some(watch) = watch.take() {
                            watch.stop().statement(self.core(), self.context(), &call, None);
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
                lease.leave(broken.as_ref());
                lease.unpin(broken.map_or(Ok(()), Err)).await.map_err(statement_failed)?;
            });
            Ok(rows)
        })
    }
}

macro_rules! on_a_line {
    ($($holder:ty: $owner:expr;)+) => {$(
        impl StreamTrait for $holder {
            type Stream<'a> = Rows<'a>;

            fn get_database_backend(&self) -> DbBackend {
                self.backend().into()
            }

            fn stream_raw<'a>(&'a self, statement: Statement) -> Opening<'a> {
                let owner: fn(&Self) -> Option<TxId> = $owner;
                Box::pin(async move { Ok(rows(self.line(), owner(self), statement)) })
            }
        }
    )+};
}

on_a_line! {
    Session: |_| None;
    Transaction: |tx| Some(tx.id());
}

fn statement_failed(error: sqlx::Error) -> DatabaseError {
    DatabaseError::sqlx(error, Stage::Statement)
}

fn rows(line: &Line, owner: Option<TxId>, statement: Statement) -> Rows<'_> {
    Box::pin(async_stream::try_stream! {
        let call = line.call(statement);
        let mut held = line.enter(owner).await?;
        held.note_session_state(line.core(), &call.sql);
        held.lease().begin_stream(&call).await.map_err(statement_failed)?;
        let mut failed = None;
        {
            let (mut timer, limit) = held.lease().take_timer();
            let mut rows = held.lease().enter().map_err(statement_failed)?.rows(&call);
            let mut watch = Some(Watch::start());
            loop {
                let row = timer.within(limit, Instant::now(), rows.try_next()).await;
                if let Some(watch) = watch.take() {
                    watch.stop().statement(line.core(), line.context(), &call, None);
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
        held.lease().leave(failed.as_ref());
        let result = held.lease().unpin(failed.map_or(Ok(()), Err)).await;
        held.judge(result)?;
    })
}
