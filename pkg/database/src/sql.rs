use sea_orm::{DbBackend, Statement, Value};

/// A statement written by hand, with its binds. `$1`, `$2`, ... stand for them on every backend.
///
/// # Examples
/// ```
/// use underpin_database::sql;
///
/// let statement = sql("UPDATE account SET balance = balance + $1 WHERE id = $2", [10.into(), "ada".into()]);
/// assert_eq!(statement.values.map(|values| values.0.len()), Some(2));
/// ```
pub fn sql(text: impl Into<String>, binds: impl IntoIterator<Item = Value>) -> Statement {
    // The backend of a statement matters to its `Display` alone; `$1` is how PostgreSQL writes a bind.
    Statement::from_sql_and_values(DbBackend::Postgres, text, binds)
}
