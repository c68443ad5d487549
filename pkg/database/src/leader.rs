use std::{fmt, time::Duration};

use crate::{
    Backend, Condition, DatabaseError, Executor as _, Pool, Session, TxOptions,
    settings::{PoolingMode, RetrySettings},
    sql,
};

/// Leadership among all processes that use the same name: at most one holds it at a time.
///
/// It is a session-level advisory lock of PostgreSQL on one connection of the pool, which it keeps. The server gives the
/// lock back when that connection ends, whoever ends it. A leader that was cut off does not notice by itself: it checks
/// with [`check`](Self::check), and sends its [`token`](Self::token) along with what it writes, so that whoever stores it
/// can reject an earlier leader (Kleppmann, "How to do distributed locking").
#[must_use = "the lead is given back when the lease is dropped"]
pub struct LeaderLease {
    session: Session,
    token: i64,
}

impl Pool {
    /// Takes the lead if it is free.
    ///
    /// The first call makes the table `underpin_leader`, which keeps the tokens.
    ///
    /// # Errors
    /// [`Condition::Unsupported`] on SQLite and behind a transaction pooler; else what the database says.
    ///
    /// # Cancel safety
    /// Cancel-safe: a lock that was taken is given back.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn run(pool: &underpin_database::Pool) -> Result<(), underpin_database::DatabaseError> {
    /// if let Some(lease) = pool.try_lead("nightly-report").await? {
    ///     // We alone are here. Before each step that matters:
    ///     lease.check().await?;
    ///     lease.release().await;
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn try_lead(&self, name: &str) -> Result<Option<LeaderLease>, DatabaseError> {
        if self.backend() != Backend::Postgres
            || self.settings().pooling_mode == PoolingMode::TransactionPooler
        {
            return Err(DatabaseError::said(Condition::Unsupported, "there are no session locks here"));
        }
        let session = self.session().await?;
        // From here on the connection is not lent to anyone else, however this ends.
        session.close_on_release().await;
        let lock = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
        let row = session.query_one(sql(lock, [name.into()])).await?;
        let taken = row.as_ref().map(|row| row.try_get_by_index::<bool>(0)).transpose()?.unwrap_or(false);
        if !taken {
            session.reuse_on_release().await;
            return Ok(None);
        }
        let token = next_token(&session, name).await?;
        Ok(Some(LeaderLease { session, token }))
    }

    /// Waits for the lead: tries about once a second, and holds no connection in between.
    ///
    /// # Errors
    /// As [`try_lead`](Self::try_lead), but a database that cannot be reached is waited for.
    ///
    /// # Cancel safety
    /// As [`try_lead`](Self::try_lead).
    pub async fn lead(&self, name: &str) -> Result<LeaderLease, DatabaseError> {
        let pauses = RetrySettings {
            max_retries: u32::MAX,
            initial: Duration::from_millis(250),
            max: Duration::from_secs(1),
        };
        let mut retry = 0;
        loop {
            match self.try_lead(name).await {
                Ok(Some(lease)) => return Ok(lease),
                Ok(None) => {}
                Err(error) if error.is_retryable() || error.is_ambiguous() => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(pauses.pause(retry)).await;
            retry = retry.saturating_add(1);
        }
    }
}

impl LeaderLease {
    /// Higher than the token of every leader before.
    pub fn token(&self) -> i64 {
        self.token
    }

    /// Checks that this process still leads: one round trip.
    ///
    /// # Errors
    /// Any error means that it does not, or that it is unknown.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn check(&self) -> Result<(), DatabaseError> {
        self.session.query_one(sql("SELECT 1", [])).await.map(drop)
    }

    /// Gives the lead back. Dropping the lease does the same.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn release(self) {
        self.session.discard().await;
    }
}

impl fmt::Debug for LeaderLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaderLease").field("token", &self.token).finish_non_exhaustive()
    }
}

async fn next_token(session: &Session, name: &str) -> Result<i64, DatabaseError> {
    let tx = session.begin_with(TxOptions::default()).await?;
    // CREATE TABLE IF NOT EXISTS fails when two run it at the same time. The lock is not that of the migrations: this waits in
    // a transaction, which an index that is built concurrently would wait for.
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('underpin_leader', 1))";
    tx.query_one(sql(lock, [])).await?;
    tx.batch("CREATE TABLE IF NOT EXISTS underpin_leader (name TEXT PRIMARY KEY, token BIGINT NOT NULL)")
        .await?;
    let next = "INSERT INTO underpin_leader VALUES ($1, 1)
        ON CONFLICT (name) DO UPDATE SET token = underpin_leader.token + 1 RETURNING token";
    let row = tx.query_one(sql(next, [name.into()])).await?;
    let token = row.map(|row| row.try_get_by_index(0)).transpose()?;
    tx.commit().await?;
    token.ok_or_else(|| DatabaseError::new(Condition::Internal))
}
