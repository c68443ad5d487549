use sea_orm::{ExecResult, QueryResult};

use super::{call::Call, connection::Connection};

/// What a caller wants of a statement, and with that the type of the reply.
pub(crate) trait Query: Send + Sync + 'static {
    type Reply: Send;

    fn run(
        connection: &mut Connection,
        call: &Call,
    ) -> impl Future<Output = sqlx::Result<Self::Reply>> + Send;

    /// How many rows were changed or returned, for the log.
    fn rows(reply: &Self::Reply) -> u64;
}

/// What it changed.
pub(crate) struct Changes;

/// Its first row.
pub(crate) struct FirstRow;

/// All its rows.
pub(crate) struct AllRows;

impl Query for Changes {
    type Reply = ExecResult;

    async fn run(connection: &mut Connection, call: &Call) -> sqlx::Result<ExecResult> {
        connection.execute(call).await
    }

    fn rows(reply: &ExecResult) -> u64 {
        reply.rows_affected()
    }
}

impl Query for FirstRow {
    type Reply = Option<QueryResult>;

    async fn run(connection: &mut Connection, call: &Call) -> sqlx::Result<Option<QueryResult>> {
        connection.query_one(call).await
    }

    fn rows(reply: &Option<QueryResult>) -> u64 {
        reply.is_some().into()
    }
}

impl Query for AllRows {
    type Reply = Vec<QueryResult>;

    async fn run(connection: &mut Connection, call: &Call) -> sqlx::Result<Vec<QueryResult>> {
        connection.query_all(call).await
    }

    fn rows(reply: &Vec<QueryResult>) -> u64 {
        reply.len() as u64
    }
}
