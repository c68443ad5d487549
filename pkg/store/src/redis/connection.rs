use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, Pipeline, PushInfo, PushKind, RedisError,
    RedisResult, ScriptInvocation, Value,
};
use tokio::time::{Instant, timeout};
use underpin_errors::{Health, HealthCheck, Report};
use underpin_logger::{Context, Logger, info, warn};

use super::server_info::ServerInfo;
use super::settings::RedisSettings;
use crate::{StoreError, random};

/// The wait after a failed attempt to connect, before its jitter. Calls meanwhile fail at once.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection to Redis or Valkey, shared by its clones.
///
/// It is one connection on which calls overlap. A call that finds it lost connects again, once for all that wait, and fails when that
/// fails instead of being queued. Each call ends within `connect_timeout` and `request_timeout`, a read within twice that.
#[derive(Clone)]
pub struct RedisConnection(Arc<RedisLink>);

struct RedisLink {
    client: Client,
    settings: RedisSettings,
    log: Arc<dyn Logger>,
    live: Mutex<Option<Live>>,
    /// Held while one call connects; the time before which none does.
    connecting: tokio::sync::Mutex<Instant>,
}

#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    lost: Arc<AtomicBool>,
}

/// What is sent.
pub(super) enum Request<'a> {
    Command(&'a Cmd),
    Pipeline(&'a Pipeline),
    Script(&'a ScriptInvocation<'a>),
}

/// Why there is no answer.
enum Failure {
    NotSent(StoreError),
    Late,
    Error(RedisError),
}

impl RedisConnection {
    /// Connects.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`], [`StoreError::Unauthorized`], and [`StoreError::Unavailable`] when no server answers within
    /// `connect_timeout`.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn connect(settings: &RedisSettings, log: Arc<dyn Logger>) -> Result<Self, StoreError> {
        let connection = Self::connect_lazy(settings, log)?;
        let live = connection.0.dial().await?;
        connection.0.keep(live);
        Ok(connection)
    }

    /// Connects with the first call: for a service that starts without the server as well, since a limiter that
    /// [passes](crate::OnLimiterFailure::Pass) or a cache in front of the truth is no reason not to.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`].
    pub fn connect_lazy(settings: &RedisSettings, log: Arc<dyn Logger>) -> Result<Self, StoreError> {
        settings.check()?;
        Ok(Self(Arc::new(RedisLink {
            client: settings.client()?,
            settings: settings.clone(),
            log,
            live: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(Instant::now()),
        })))
    }

    /// The client's connection below, for commands that this crate does not have.
    ///
    /// # Errors
    /// [`StoreError::Disconnected`] and [`StoreError::Unauthorized`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn client(&self) -> Result<MultiplexedConnection, StoreError> {
        self.0.live().await.map(|live| live.connection)
    }

    pub(super) fn prefix(&self) -> &str {
        &self.0.settings.prefix
    }

    /// Sends a command without effects; once more after a loss of the connection.
    pub(super) async fn read<T: FromRedisValue>(
        &self,
        operation: &'static str,
        request: Request<'_>,
    ) -> Result<T, StoreError> {
        let mut sent = self.0.send(&request).await;
        if matches!(&sent, Err(Failure::Error(error)) if error.code().is_none()) {
            sent = self.0.send(&request).await;
        }
        let value = sent.map_err(|failure| match failure {
            Failure::NotSent(error) => error,
            Failure::Late => StoreError::Timeout { operation, within: self.0.settings.request_timeout },
            Failure::Error(error) if error.code().is_none() => StoreError::Unavailable(error.into()),
            Failure::Error(error) => refused(operation, error),
        })?;
        decode(value)
    }

    /// Sends what changes something, once.
    pub(super) async fn write<T: FromRedisValue>(
        &self,
        operation: &'static str,
        request: Request<'_>,
    ) -> Result<T, StoreError> {
        let value = self.0.send(&request).await.map_err(|failure| match failure {
            Failure::NotSent(error) => error,
            Failure::Late => StoreError::Unconfirmed("no answer in time".into()),
            Failure::Error(error) if error.code().is_none() => StoreError::Unconfirmed(error.into()),
            Failure::Error(error) => refused(operation, error),
        })?;
        decode(value)
    }

    pub(super) async fn server_info(&self) -> Result<ServerInfo, StoreError> {
        let text: String =
            self.read("read server information", Request::Command(&redis::cmd("INFO"))).await?;
        Ok(ServerInfo::of(&text))
    }
}

impl RedisLink {
    async fn send(&self, request: &Request<'_>) -> Result<Value, Failure> {
        let mut live = self.live().await.map_err(Failure::NotSent)?;
        let answer = timeout(self.settings.request_timeout, request.send(&mut live.connection)).await;
        let answer =
            answer.unwrap_or(Err(RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut))));
        answer.map_err(|error| {
            // A server that answers with an error is there, unless it became a replica.
            if error.code().is_none_or(|code| code == "READONLY") {
                live.lost.store(true, Ordering::Release);
            }
            if error.is_timeout() { Failure::Late } else { Failure::Error(error) }
        })
    }

    async fn live(&self) -> Result<Live, StoreError> {
        if let Some(live) = self.current() {
            return Ok(live);
        }
        let mut not_before = self.connecting.lock().await;
        if let Some(live) = self.current() {
            return Ok(live);
        }
        if Instant::now() < *not_before {
            return Err(StoreError::Disconnected);
        }
        match self.dial().await {
            Ok(live) => {
                self.keep(live.clone());
                Ok(live)
            }
            Err(error) => {
                *not_before = Instant::now() + PAUSE + Duration::from_millis(random::below(100));
                warn!(
                    self.log,
                    &Context::background(),
                    "cannot connect to Redis",
                    error = Report(&error).to_string()
                );
                Err(if matches!(error, StoreError::Unauthorized(_)) {
                    error
                } else {
                    StoreError::Disconnected
                })
            }
        }
    }

    fn current(&self) -> Option<Live> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.as_ref().filter(|live| !live.lost.load(Ordering::Acquire)).cloned()
    }

    fn keep(&self, live: Live) {
        info!(self.log, &Context::background(), "connected to Redis");
        *self.live.lock().unwrap_or_else(PoisonError::into_inner) = Some(live);
    }

    async fn dial(&self) -> Result<Live, StoreError> {
        let lost = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&lost);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.settings.connect_timeout))
            .set_response_timeout(None)
            .set_push_sender(move |push: PushInfo| {
                if push.kind == PushKind::Disconnection {
                    seen.store(true, Ordering::Release);
                }
                Ok::<(), redis::aio::SendError>(())
            });
        let dialed = self.client.get_multiplexed_async_connection_with_config(&config);
        let connection = match timeout(self.settings.connect_timeout, dialed).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) if is_denial(&error) => return Err(StoreError::Unauthorized(error.into())),
            Ok(Err(error)) => return Err(StoreError::Unavailable(error.into())),
            Err(late) => return Err(StoreError::Unavailable(late.into())),
        };
        Ok(Live { connection, lost })
    }
}

impl Request<'_> {
    async fn send(&self, connection: &mut MultiplexedConnection) -> RedisResult<Value> {
        match self {
            Self::Command(command) => command.query_async(connection).await,
            Self::Pipeline(pipeline) => pipeline.query_async(connection).await,
            Self::Script(script) => script.invoke_async(connection).await,
        }
    }
}

fn decode<T: FromRedisValue>(value: Value) -> Result<T, StoreError> {
    redis::from_redis_value(value).map_err(|error| StoreError::Corrupt(error.into()))
}

fn is_denial(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"))
}

/// An answer that is an error: the write did not happen.
fn refused(operation: &'static str, error: RedisError) -> StoreError {
    match error.code() {
        _ if is_denial(&error) => StoreError::Unauthorized(error.into()),
        Some("OOM") => StoreError::Full,
        // It starts, fails over, runs a long script, or cannot write its files.
        Some(
            "LOADING" | "MASTERDOWN" | "READONLY" | "CLUSTERDOWN" | "TRYAGAIN" | "BUSY" | "MISCONF"
            | "NOREPLICAS",
        ) => StoreError::Unavailable(error.into()),
        _ => StoreError::Backend { operation, source: error.into() },
    }
}

#[async_trait]
impl HealthCheck for RedisConnection {
    fn name(&self) -> &str {
        "redis"
    }

    async fn check(&self) -> Health {
        match self.read::<String>("ping", Request::Command(&redis::cmd("PING"))).await {
            Ok(_) => Health::up(),
            Err(error) => Health::down(Report(&error).to_string()),
        }
    }
}

impl fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConnection").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
