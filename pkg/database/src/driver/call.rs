use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use sea_orm::{Statement, Value, Values};
use sea_query_sqlx::SqlxValues;
use sqlx::{Database, IntoArguments};

/// Their number is an unsigned 16-bit integer in the message Bind. SQLite refuses by itself what is more than 32,766.
const MAX_BINDS: usize = 65_535;

/// A statement that is passed to the driver. The text is shared, because the slow-query log wants it afterwards.
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

    /// Rejects what the protocols and drivers cannot carry, before anything is sent and the connection is lost over it.
    pub(crate) fn check(&self) -> sqlx::Result<()> {
        check_text(&self.sql)?;
        if self.binds() > MAX_BINDS {
            let binds = self.binds();
            let what =
                format!("a statement carries at most {MAX_BINDS} values, this one has {binds}: send several");
            return Err(sqlx::Error::InvalidArgument(what));
        }
        match self.values.iter().position(is_too_large) {
            Some(index) => Err(refused(&format!("bind ${} is above 9223372036854775807", index + 1))),
            None => Ok(()),
        }
    }

    /// How many values are bound; the values themselves are never logged.
    pub(crate) fn binds(&self) -> usize {
        self.values.len()
    }

    /// The arguments for the driver. The values are copied, since a statement whose plan went stale is sent a second time.
    ///
    /// The conversion panics at values of types that the driver does not know for this database: that is an error here.
    pub(super) fn arguments<D: Database>(&self) -> sqlx::Result<D::Arguments>
    where
        SqlxValues: IntoArguments<D>,
    {
        let values = SqlxValues(Values(self.values.clone()));
        catch_unwind(AssertUnwindSafe(|| values.into_arguments()))
            .map_err(|_panic| refused("a bind has a type that cannot be sent to this database"))
    }
}

/// Rejects a text with NUL: SQLite would never come to its end, and PostgreSQL would close the connection.
pub(crate) fn check_text(sql: &str) -> sqlx::Result<()> {
    if sql.contains('\0') { Err(refused("the text holds a NUL character")) } else { Ok(()) }
}

/// The databases have signed integers only.
fn is_too_large(value: &Value) -> bool {
    match value {
        Value::BigUnsigned(Some(number)) => i64::try_from(*number).is_err(),
        _ => false,
    }
}

fn refused(reason: &str) -> sqlx::Error {
    sqlx::Error::InvalidArgument(format!("the statement cannot be sent: {reason}"))
}
