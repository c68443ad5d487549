use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::{Either, select};
use sqlx::{
    Executor as _,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::runtime::Handle;
use underpin_logger::{Context, info, warn};

use crate::{
    Condition, DatabaseError, Pool,
    driver::Target,
    error::Stage,
    pool::PoolState,
    settings::{PoolingMode, RetrySettings},
};

/// A subscription to PostgreSQL's NOTIFY, on a connection outside of the pool that is reopened when it is lost.
///
/// Notifications are not stored: what was sent while the connection was down is gone. [`Signal::Resync`] says when that
/// may have happened, and comes first of all, so that a loop that looks at its table on every signal misses nothing.
///
/// A connection that went silent is noticed after ten times `check_after`.
#[must_use = "a listener does nothing until `next` is called"]
pub struct Listener {
    pool: Arc<PoolState>,
    options: PgConnectOptions,
    channels: Vec<String>,
    /// `None` while the connection is lost.
    connection: Option<PgListener>,
    /// A resync is due before anything else.
    resync: bool,
    lost_at: Option<Instant>,
    /// When the server was last heard of, and since when a ping has no reply. Kept across calls: a caller that waits in short slices
    /// must notice a silent line, too.
    heard_at: Instant,
    pinged_at: Option<Instant>,
    /// Where the driver spawns the task that closes its connection.
    runtime: Handle,
}

/// What a [`Listener`] has to say.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// The subscription stands (again); notifications may have been missed before. Look at the table.
    Resync,
    /// Somebody called NOTIFY.
    Notified {
        /// The channel.
        channel: String,
        /// What was sent along; empty without a payload.
        payload: String,
    },
}

/// PostgreSQL cuts longer names off (NAMEDATALEN - 1).
const MAX_CHANNEL: usize = 63;

impl Pool {
    /// Subscribes to channels of PostgreSQL's NOTIFY. Names are taken as they are, also their case.
    ///
    /// # Errors
    /// - [`Condition::Unsupported`] on SQLite and behind a transaction pooler: poll instead.
    /// - [`Condition::Statement`] for the name of a channel that is empty, has NUL or more than 63 bytes: PostgreSQL would cut it
    ///   off, and nothing would arrive under the name that was asked for.
    /// - What [`connect`](crate::connect) would say, when the first connection cannot be opened within `acquire_timeout`.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    ///
    /// # Examples
    /// ```no_run
    /// use underpin_database::{DatabaseError, Pool, Signal};
    ///
    /// async fn relay(pool: &Pool) -> Result<(), DatabaseError> {
    ///     let mut listener = pool.listen(&["outbox"]).await?;
    ///     loop {
    ///         match listener.next().await? {
    ///             Signal::Resync | Signal::Notified { .. } => { /* look at the table */ }
    ///             _ => {}
    ///         }
    ///     }
    /// }
    /// ```
    pub async fn listen(&self, channels: &[&str]) -> Result<Listener, DatabaseError> {
        let pool = Arc::clone(self.state());
        #[cfg_attr(
            not(feature = "sqlite"),
            expect(irrefutable_let_patterns, reason = "without `sqlite` there is no other target")
        )]
        let Target::Postgres(options) = pool.opener.target() else {
            return Err(DatabaseError::said(Condition::Unsupported, "this database has no LISTEN"));
        };
        if pool.settings.pooling_mode == PoolingMode::TransactionPooler {
            return Err(DatabaseError::said(
                Condition::Unsupported,
                "a transaction pooler does not carry LISTEN",
            ));
        }
        if channels.iter().any(|name| name.is_empty() || name.len() > MAX_CHANNEL || name.contains('\0')) {
            return Err(DatabaseError::said(
                Condition::Statement,
                "the name of a channel has 1 to 63 bytes, without NUL",
            ));
        }
        let (options, channels) = (options.clone(), channels.iter().copied().map(str::to_owned).collect());
        let mut listener = Listener {
            pool,
            options,
            channels,
            connection: None,
            resync: false,
            lost_at: None,
            heard_at: Instant::now(),
            pinged_at: None,
            runtime: Handle::current(),
        };
        listener.connect(Some(listener.pool.settings.acquire_timeout)).await?;
        Ok(listener)
    }
}

impl Listener {
    /// Waits for the next signal, and for the server while it is away: every second at least it is tried again.
    ///
    /// # Errors
    /// [`Condition::Closed`] once the pool is closed, and [`Condition::Rejected`] when the server rejects the connection permanently.
    ///
    /// # Cancel safety
    /// Cancel-safe: no signal is lost.
    pub async fn next(&mut self) -> Result<Signal, DatabaseError> {
        loop {
            if self.connection.is_none() {
                self.connect(None).await?;
            }
            if std::mem::take(&mut self.resync) {
                return Ok(Signal::Resync);
            }
            match self.wait().await {
                Ok(Some(signal)) => return Ok(signal),
                Ok(None) => {}
                Err(error) if error.condition() == Condition::Closed => return Err(error),
                Err(error) => {
                    warn!(self.pool.log, &Context::background(), &error, "listener lost its connection");
                    // What befell this connection may have befallen the idle ones of the pool.
                    self.pool.note_loss();
                    self.connection = None;
                    self.lost_at = Some(Instant::now());
                }
            }
        }
    }

    /// One notification; `None` when there was none for a while and the server answered a ping.
    async fn wait(&mut self) -> Result<Option<Signal>, DatabaseError> {
        let Some(listener) = &mut self.connection else { return Ok(None) };
        let quiet = self.pool.settings.check_after.saturating_mul(10).saturating_sub(self.heard_at.elapsed());
        if !quiet.is_zero() {
            let receive = tokio::time::timeout(quiet, listener.try_recv());
            let received = match closed_or(&self.pool, receive).await? {
                Ok(received) => received.map_err(lost)?,
                Err(_quiet) => return self.ping().await,
            };
            self.heard_at = Instant::now();
            let Some(notification) = received else { return Err(DatabaseError::new(Condition::Unreachable)) };
            return Ok(Some(Signal::Notified {
                channel: notification.channel().to_owned(),
                payload: notification.payload().to_owned(),
            }));
        }
        self.ping().await
    }

    /// Pings the server, within `connect_timeout` from the first ping without a reply.
    async fn ping(&mut self) -> Result<Option<Signal>, DatabaseError> {
        let Some(listener) = &mut self.connection else { return Ok(None) };
        let pinged_at = *self.pinged_at.get_or_insert_with(Instant::now);
        let left = self.pool.settings.connect_timeout.saturating_sub(pinged_at.elapsed());
        // What is notified meanwhile is kept by the driver.
        let answer = tokio::time::timeout(left, listener.execute("SELECT 1"));
        match closed_or(&self.pool, answer).await? {
            Ok(answered) => answered.map_err(lost)?,
            Err(_elapsed) => {
                return Err(DatabaseError::said(Condition::Unreachable, "the database does not answer"));
            }
        };
        self.heard_at = Instant::now();
        self.pinged_at = None;
        Ok(None)
    }

    /// Opens the connection and subscribes, again and again until `limit` (for ever without one).
    async fn connect(&mut self, limit: Option<Duration>) -> Result<(), DatabaseError> {
        let pauses = RetrySettings {
            max_retries: u32::MAX,
            initial: Duration::from_millis(20),
            max: Duration::from_secs(1),
        };
        let started = Instant::now();
        let mut retry = 0;
        loop {
            let error = match closed_or(&self.pool, self.subscribe()).await? {
                Ok(connection) => {
                    self.connection = Some(connection);
                    self.heard_at = Instant::now();
                    self.pinged_at = None;
                    self.resync = true;
                    if let Some(lost_at) = self.lost_at.take() {
                        info!(
                            self.pool.log,
                            &Context::background(),
                            "listener is back",
                            away = lost_at.elapsed()
                        );
                    }
                    return Ok(());
                }
                Err(error) => error,
            };
            let pause = pauses.pause(retry);
            let late = limit.is_some_and(|limit| started.elapsed() + pause >= limit);
            if late || !error.is_retryable() {
                return Err(error);
            }
            retry = retry.saturating_add(1);
            closed_or(&self.pool, tokio::time::sleep(pause)).await?;
        }
    }

    async fn subscribe(&self) -> Result<PgListener, DatabaseError> {
        let opening = async {
            // A pool of one connection: the driver offers notifications only on a pool.
            let pool = PgPoolOptions::new()
                .max_connections(1)
                .max_lifetime(None)
                .idle_timeout(None)
                .test_before_acquire(false)
                .connect_with(self.options.clone())
                .await?;
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.eager_reconnect(false);
            listener.listen_all(self.channels.iter().map(String::as_str)).await?;
            Ok(listener)
        };
        match tokio::time::timeout(self.pool.settings.connect_timeout, opening).await {
            Ok(opened) => opened.map_err(|error| DatabaseError::sqlx(error, Stage::Before)),
            Err(_elapsed) => Err(DatabaseError::said(Condition::Unreachable, "the database does not answer")),
        }
    }
}

/// The driver spawns a task that closes the connection, on whatever thread the listener is dropped.
impl Drop for Listener {
    fn drop(&mut self) {
        let _inside = self.runtime.enter();
        self.connection = None;
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("channels", &self.channels)
            .field("connected", &self.connection.is_some())
            .finish_non_exhaustive()
    }
}

fn lost(error: sqlx::Error) -> DatabaseError {
    DatabaseError::sqlx(error, Stage::Before)
}

/// The outcome of `work`, unless the pool is closed first.
async fn closed_or<T>(pool: &PoolState, work: impl Future<Output = T> + Send) -> Result<T, DatabaseError> {
    let closing = pool.closing();
    let (closing, work) = (std::pin::pin!(closing), std::pin::pin!(work));
    match select(closing, work).await {
        Either::Left(((), _)) => Err(DatabaseError::new(Condition::Closed)),
        Either::Right((value, _)) => Ok(value),
    }
}
