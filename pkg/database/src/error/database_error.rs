use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc};

use underpin_errors::{Classify, Kind};

use super::{
    classify::{self, Stage},
    condition::Condition,
    redacted::Redacted,
};

/// A failure of the database or of the connection to it. One pointer wide, cheap to clone.
///
/// `Display` says what failed at this layer; [`source`](StdError::source) is the driver's own error. Neither they nor our
/// `Debug` show a password or a value that the server rejected: where PostgreSQL quotes it (class 22), the source shows
/// the code alone. [`as_sqlx`](Self::as_sqlx) gives the driver's error unchanged, whose own `Debug` may show a row.
///
/// # Examples
/// ```
/// use underpin_database::{Condition, DatabaseSettings, connect};
/// # use std::sync::Arc;
/// # use underpin_logger::NoopLogger;
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let settings = DatabaseSettings::new("oracle://scott:tiger@localhost/orcl");
/// let refused = connect(&settings, Arc::new(NoopLogger)).await.unwrap_err();
/// assert_eq!(refused.condition(), Condition::Configuration);
/// assert!(!refused.is_retryable());
/// assert_eq!(refused.to_string(), "the database settings are not valid: `url` must start with `postgres:` or `sqlite:`");
/// # }
/// ```
#[derive(Clone)]
pub struct DatabaseError(Arc<ErrorInner>);

struct ErrorInner {
    condition: Condition,
    /// What replaces the sentence of the condition where more is known.
    what: Option<Cow<'static, str>>,
    source: Option<Source>,
}

#[derive(Clone)]
pub(crate) enum Source {
    Sqlx(Arc<sqlx::Error>),
    Redacted(Redacted),
    Orm(sea_orm::DbErr),
    Own(DatabaseError),
}

impl DatabaseError {
    pub(crate) fn new(condition: Condition) -> Self {
        Self(Arc::new(ErrorInner { condition, what: None, source: None }))
    }

    /// With a message: lower case, without any value.
    pub(crate) fn said(condition: Condition, what: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(ErrorInner { condition, what: Some(what.into()), source: None }))
    }

    /// The driver's error, classified by when it happened.
    pub(crate) fn sqlx(error: sqlx::Error, stage: Stage) -> Self {
        Self::driver(Arc::new(error), stage)
    }

    pub(super) fn driver(error: Arc<sqlx::Error>, stage: Stage) -> Self {
        let condition = classify::condition(&error, stage);
        let source = if Redacted::applies_to(&error) {
            Source::Redacted(Redacted(error))
        } else {
            Source::Sqlx(error)
        };
        Self::of(condition, source)
    }

    pub(super) fn of(condition: Condition, source: Source) -> Self {
        Self(Arc::new(ErrorInner { condition, what: None, source: Some(source) }))
    }

    /// The same failure seen from further up: a new condition and sentence, this error as its source.
    pub(crate) fn because(condition: Condition, what: impl Into<Cow<'static, str>>, cause: Self) -> Self {
        Self(Arc::new(ErrorInner { condition, what: Some(what.into()), source: Some(Source::Own(cause)) }))
    }

    pub(crate) fn reclassified(&self, condition: Condition) -> Self {
        Self(Arc::new(ErrorInner { condition, what: None, source: self.0.source.clone() }))
    }

    /// The class of the failure, by what a caller can do about it.
    pub fn condition(&self) -> Condition {
        self.0.condition
    }

    /// The class of the failure for transports and callers; see [`Condition::kind`].
    pub fn kind(&self) -> Kind {
        self.0.condition.kind()
    }

    /// The same work can be tried again without harm: it is known not to have taken effect. Inside a transaction the
    /// work is the whole transaction.
    ///
    /// # Examples
    /// ```
    /// use underpin_database::{Condition, testing::error};
    ///
    /// let full = error(Condition::Saturated); // nothing was sent
    /// assert!(full.is_retryable() && !full.is_ambiguous());
    /// let unclear = error(Condition::Ambiguous); // the connection broke during COMMIT
    /// assert!(unclear.is_ambiguous() && !unclear.is_retryable());
    /// assert!(error(Condition::Timeout).is_timeout());
    /// assert!(error(Condition::NotFound).is_not_found());
    /// ```
    pub fn is_retryable(&self) -> bool {
        self.0.condition.is_retryable()
    }

    /// It is not known whether the work took effect: try again only what does no harm when it happens twice.
    pub fn is_ambiguous(&self) -> bool {
        self.0.condition == Condition::Ambiguous
    }

    /// A limit on time ended the statement.
    pub fn is_timeout(&self) -> bool {
        self.0.condition == Condition::Timeout
    }

    /// A unique constraint or primary key was violated: the row exists already.
    ///
    /// # Examples
    /// ```
    /// # use underpin_database::{Database, DatabaseError, DatabaseSettings, Executor, connect, sql};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), DatabaseError> {
    /// # let pool = connect(&DatabaseSettings::new("sqlite::memory:"), std::sync::Arc::new(underpin_logger::NoopLogger)).await?;
    /// pool.batch("CREATE TABLE person (id INTEGER PRIMARY KEY); INSERT INTO person VALUES (1)").await?;
    /// pool.batch("CREATE TABLE account (owner INTEGER NOT NULL REFERENCES person (id))").await?;
    ///
    /// let taken = pool.execute(sql("INSERT INTO person VALUES (1)", [])).await.unwrap_err();
    /// assert!(taken.is_unique_violation() && taken.is_constraint_violation());
    /// let orphan = pool.execute(sql("INSERT INTO account VALUES (2)", [])).await.unwrap_err();
    /// assert!(orphan.is_foreign_key_violation() && orphan.is_constraint_violation());
    ///
    /// pool.close(std::time::Duration::from_secs(1)).await;
    /// let late = pool.execute(sql("INSERT INTO person VALUES (3)", [])).await.unwrap_err();
    /// assert!(late.is_closed() && !late.is_constraint_violation());
    /// # Ok(()) }
    /// ```
    pub fn is_unique_violation(&self) -> bool {
        self.0.condition == Condition::UniqueViolation
    }

    /// A foreign key was violated: the row referred to is missing, or still referred to.
    pub fn is_foreign_key_violation(&self) -> bool {
        self.0.condition == Condition::ForeignKeyViolation
    }

    /// Any constraint was violated.
    pub fn is_constraint_violation(&self) -> bool {
        self.0.condition.is_constraint_violation()
    }

    /// The requested row does not exist.
    pub fn is_not_found(&self) -> bool {
        self.0.condition == Condition::NotFound
    }

    /// The pool is closed.
    pub fn is_closed(&self) -> bool {
        self.0.condition == Condition::Closed
    }

    /// The name of the violated constraint. PostgreSQL only.
    pub fn constraint(&self) -> Option<&str> {
        self.database_error()?.constraint()
    }

    /// The server's own code: a SQLSTATE of PostgreSQL, an extended result code of SQLite.
    pub fn sql_code(&self) -> Option<Cow<'_, str>> {
        self.database_error()?.code()
    }

    /// The driver's error, where the failure came from the driver.
    pub fn as_sqlx(&self) -> Option<&sqlx::Error> {
        match self.0.source.as_ref()? {
            Source::Sqlx(error) | Source::Redacted(Redacted(error)) => Some(error),
            Source::Orm(error) => classify::sqlx_in(error).map(AsRef::as_ref),
            Source::Own(error) => error.as_sqlx(),
        }
    }

    /// The driver's error, where this is all that is known and nobody shares it.
    pub(super) fn into_driver(self) -> Result<sqlx::Error, Self> {
        match Arc::try_unwrap(self.0) {
            Ok(ErrorInner {
                what: None,
                source: Some(Source::Sqlx(driver) | Source::Redacted(Redacted(driver))),
                condition,
            }) => Arc::try_unwrap(driver).map_err(|driver| Self::of(condition, Source::Sqlx(driver))),
            Ok(inner) => Err(Self(Arc::new(inner))),
            Err(shared) => Err(Self(shared)),
        }
    }

    pub(crate) fn source_kept(&self) -> Option<&Source> {
        self.0.source.as_ref()
    }

    pub(super) fn database_error(&self) -> Option<&(dyn sqlx::error::DatabaseError + 'static)> {
        self.as_sqlx()?.as_database_error()
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.what {
            Some(what) => f.write_str(what),
            None => f.write_str(self.0.condition.sentence()),
        }
    }
}

/// Shows the chain of texts: the driver's own `Debug` would show the row behind a violated constraint.
impl fmt::Debug for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("DatabaseError");
        debug.field("condition", &self.0.condition).field("message", &self.to_string());
        if let Some(code) = self.sql_code() {
            debug.field("sql_code", &code);
        }
        if let Some(source) = self.source() {
            debug.field("source", &source.to_string());
        }
        debug.finish()
    }
}

impl StdError for DatabaseError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self.0.source.as_ref()? {
            Source::Sqlx(error) => Some(error.as_ref()),
            Source::Redacted(error) => Some(error),
            Source::Orm(error) => Some(error),
            Source::Own(error) => Some(error),
        }
    }
}

impl Classify for DatabaseError {
    fn kind(&self) -> Kind {
        self.0.condition.kind()
    }
}

const _: () = assert!(size_of::<Result<(), DatabaseError>>() == size_of::<usize>());
