use std::sync::Arc;

use sea_orm::{Statement, Value, Values};
use sea_query_sqlx::SqlxValues;

/// Their number is an unsigned 16-bit integer in the message Bind. SQLite refuses by itself what is more than 32,766.
const MAX_BINDS: usize = 65_535;

/// A statement on its way to the driver. The text is shared, because the slow-query log wants it afterwards.
pub(crate) struct Call {
    pub(crate) sql: Arc<String>,
    values: Vec<Value>,
    /// Whether the server keeps the prepared statement for the next time.
    pub(crate) persistent: bool,
}

impl Call {
    pub(crate) fn new(statement: Statement, persistent: bool) -> Self {
        let Statement { sql, values, db_backend: _ } = statement;
        Self { sql: Arc::new(sql), values: values.map_or_else(Vec::new, |Values(values)| values), persistent }
    }

    /// Appends a comment; the server then sees a text it does not know yet.
    pub(crate) fn with_comment(mut self, comment: &str) -> Self {
        let mut sql = String::with_capacity(self.sql.len() + comment.len() + 6);
        sql.push_str(&self.sql);
        sql.push_str(" /*");
        sql.push_str(comment);
        sql.push_str("*/");
        self.sql = Arc::new(sql);
        self.persistent = false;
        self
    }

    /// Refuses what the protocol of PostgreSQL cannot carry, before anything is sent and the connection is lost over it.
    pub(crate) fn check(&self) -> sqlx::Result<()> {
        if self.binds() <= MAX_BINDS {
            return Ok(());
        }
        let binds = self.binds();
        let what =
            format!("a statement carries at most {MAX_BINDS} values, this one has {binds}: send several");
        Err(sqlx::Error::InvalidArgument(what))
    }

    /// How many values are bound; the values themselves are never logged.
    pub(crate) fn binds(&self) -> usize {
        self.values.len()
    }

    /// Copies the values, since a statement whose plan went stale is sent a second time.
    pub(super) fn values(&self) -> SqlxValues {
        SqlxValues(Values(self.values.clone()))
    }
}
