use sea_orm::{ExecResult, QueryResult};

use super::{Call, Connection};

/// What is asked of a statement, and with that the type of its answer.
pub(crate) trait Ask: Send + Sync + 'static {
    type Answer: Send;

    fn send(
        connection: &mut Connection,
        call: &Call,
    ) -> impl Future<Output = sqlx::Result<Self::Answer>> + Send;

    /// How many rows were changed or returned, for the log.
    fn rows(answer: &Self::Answer) -> u64;
}

/// What it changed.
pub(crate) struct Changes;

/// Its first row.
pub(crate) struct FirstRow;

/// All its rows.
pub(crate) struct AllRows;

impl Ask for Changes {
    type Answer = ExecResult;

    async fn send(connection: &mut Connection, call: &Call) -> sqlx::Result<ExecResult> {
        connection.execute(call).await
    }

    fn rows(answer: &ExecResult) -> u64 {
        answer.rows_affected()
    }
}

impl Ask for FirstRow {
    type Answer = Option<QueryResult>;

    async fn send(connection: &mut Connection, call: &Call) -> sqlx::Result<Option<QueryResult>> {
        connection.query_one(call).await
    }

    fn rows(answer: &Option<QueryResult>) -> u64 {
        answer.is_some().into()
    }
}

impl Ask for AllRows {
    type Answer = Vec<QueryResult>;

    async fn send(connection: &mut Connection, call: &Call) -> sqlx::Result<Vec<QueryResult>> {
        connection.query_all(call).await
    }

    fn rows(answer: &Vec<QueryResult>) -> u64 {
        answer.len() as u64
    }
}
