use sqlx::{Database, Execute, SqlStr, error::BoxDynError};

/// A query of sqlx, taken apart: its text is read here, and the settings of the pool decide whether it stays prepared.
pub(crate) struct Parts<D: Database> {
    pub(super) sql: SqlStr,
    arguments: Option<D::Arguments>,
    persistent: bool,
}

impl<D: Database> Parts<D> {
    /// Fails with the error of a value that could not be encoded.
    pub(super) fn of<'q>(mut query: impl Execute<'q, D>, may_persist: bool) -> sqlx::Result<Self> {
        let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?;
        let persistent = may_persist && query.persistent();
        Ok(Self { sql: query.sql(), arguments, persistent })
    }
}

impl<D: Database> Execute<'static, D> for Parts<D> {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&D::Statement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<D::Arguments>, BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.persistent
    }
}
