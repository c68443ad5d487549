//! How to reach the database, and what the pool may do.

mod retry;
mod sqlite_file;
mod tls;
mod url;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Secret, Validate};

pub use retry::RetrySettings;
pub use tls::{TlsMode, TlsSettings};
pub(crate) use url::DatabaseUrl;
#[cfg(feature = "postgres")]
pub(crate) use url::{Endpoint, PostgresUrl};
#[cfg(feature = "sqlite")]
pub(crate) use url::{SqliteMode, SqlitePlace, SqliteUrl};

/// Everything [`connect`](crate::connect) needs to know. The defaults suit one service of several replicas.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_database::DatabaseSettings;
///
/// let settings = DatabaseSettings::new("postgres://app:hunter2@db.internal/orders");
/// assert_eq!((settings.max_open, settings.max_idle), (25, 5));
/// assert_eq!(settings.max_lifetime, Duration::from_secs(300));
/// assert!(!format!("{settings:?}").contains("hunter2"));
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DatabaseSettings {
    /// Where the database is: `postgres://user:password@host:port/name?sslmode=...`, `sqlite:path/to/file.db` or
    /// `sqlite::memory:`. Parsed by this crate and never printed.
    ///
    /// Percent signs are decoded, also in the path of a SQLite file: `%3F` is a question mark, `%25` a percent sign. A path
    /// whose percent signs could be read in two ways (`%2F`, or a name that exists as it is written) is refused.
    pub url: Secret<String>,
    /// Connections open at the same time, at most. One connection for health checks and requests to cancel, and one for each
    /// listener, come on top. A SQLite database in memory always has exactly one.
    pub max_open: u32,
    /// Idle connections that the pool keeps under low load. Those above it are closed once they have been idle for
    /// `idle_timeout`, not at once: a pool under load would otherwise open and close connections all the time.
    pub max_idle: u32,
    /// How long a connection above `max_idle` may stay unused.
    #[serde(with = "underpin_config::duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub idle_timeout: Duration,
    /// Age at which a connection is replaced when it is next unused; shortened by up to 10% at random, so that
    /// connections opened together do not end together. Zero means never.
    #[serde(with = "underpin_config::duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub max_lifetime: Duration,
    /// A connection that was idle for longer is pinged before it is lent: one more round trip. Under load no connection is idle
    /// for a second; under low load the ping hides a restart of the server from callers.
    #[serde(with = "underpin_config::duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub check_after: Duration,
    /// How long a caller waits for a connection, opening one included.
    #[serde(with = "underpin_config::duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub acquire_timeout: Duration,
    /// How long one attempt to open a connection may take.
    #[serde(with = "underpin_config::duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub connect_timeout: Duration,
    /// What [`connect`](crate::connect) does when the first attempt fails in a way that may pass.
    pub connect_retry: RetrySettings,
    /// The server ends a statement that runs longer (PostgreSQL `statement_timeout`). It also ends what could not be
    /// cancelled after its caller had gone away. An answer that has not come two seconds later counts as lost, also behind a
    /// pooler, whose server has its own limit. Zero means never.
    #[serde(with = "underpin_config::duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub statement_timeout: Duration,
    /// The server ends a transaction that is idle for longer, and its connection (PostgreSQL
    /// `idle_in_transaction_session_timeout`). It releases the row locks of a client whose connection was lost silently. Zero
    /// means never.
    #[serde(with = "underpin_config::duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub idle_in_transaction_timeout: Duration,
    /// A statement that takes longer is logged at warn level, its binds redacted. Zero means never.
    #[serde(with = "underpin_config::duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub slow_query: Duration,
    /// What the server shows as the name of this client.
    pub application_name: String,
    /// Encryption and the certificates for it.
    pub tls: TlsSettings,
    /// What is between this process and the server.
    pub pooling_mode: PoolingMode,
    /// Whether statements carry the caller's trace for the server's own log.
    pub trace_comment: TraceComment,
}

/// What is between this process and the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PoolingMode {
    /// Nothing, or a proxy that keeps one server session per connection.
    #[default]
    Direct,
    /// A pooler such as pgbouncer in transaction mode. Statements are prepared each time, one that is sent alone gets a
    /// transaction around it (three more round trips: prefer transactions), and nothing that belongs to a session is used:
    /// no start-up parameters, LISTEN or session locks. That the server ends a statement after `statement_timeout`, and a
    /// transaction after `idle_in_transaction_timeout`, is left to the pooler's configuration; keep the first below the setting
    /// here, after which the connection counts as lost. What
    /// cannot run in a transaction, such as VACUUM, goes through [`Pool::batch`](crate::Pool::batch).
    TransactionPooler,
}

/// Whether statements carry `/*traceparent='...'*/` (the sqlcommenter format).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TraceComment {
    /// No comment.
    #[default]
    Off,
    /// A comment on every statement that runs in a context with a trace. Each text is then new to the server: it is
    /// parsed and planned each time, which costs a round trip.
    Traceparent,
}

impl DatabaseSettings {
    /// The defaults for a database at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: Secret::new(url.into()), ..Self::default() }
    }
}

macro_rules! setters {
    ($($name:ident: $type:ty),+ $(,)?) => {
        impl DatabaseSettings {$(
            #[doc = concat!("Sets [`", stringify!($name), "`](field@Self::", stringify!($name), ").")]
            #[must_use]
            pub fn $name(mut self, $name: $type) -> Self {
                self.$name = $name;
                self
            }
        )+}
    };
}

setters! {
    url: Secret<String>,
    max_open: u32,
    max_idle: u32,
    idle_timeout: Duration,
    max_lifetime: Duration,
    check_after: Duration,
    acquire_timeout: Duration,
    connect_timeout: Duration,
    connect_retry: RetrySettings,
    statement_timeout: Duration,
    idle_in_transaction_timeout: Duration,
    slow_query: Duration,
    application_name: String,
    tls: TlsSettings,
    pooling_mode: PoolingMode,
    trace_comment: TraceComment,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url: Secret::new(String::new()),
            max_open: 25,
            max_idle: 5,
            idle_timeout: Duration::from_secs(60),
            max_lifetime: Duration::from_secs(300),
            check_after: Duration::from_secs(1),
            acquire_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(3),
            connect_retry: RetrySettings::default(),
            statement_timeout: Duration::from_secs(30),
            idle_in_transaction_timeout: Duration::from_secs(60),
            slow_query: Duration::from_millis(500),
            application_name: "underpin".to_owned(),
            tls: TlsSettings::default(),
            pooling_mode: PoolingMode::default(),
            trace_comment: TraceComment::default(),
        }
    }
}

/// The highest `max_connections` of PostgreSQL.
const MAX_OPEN: u32 = 262_143;

/// PostgreSQL and SQLite count these limits in milliseconds, in 31 bits.
const LONGEST_IN_MILLIS: Duration = Duration::from_secs(24 * 24 * 60 * 60);

impl Validate for DatabaseSettings {
    fn validate(&self, checks: &mut Checks) {
        if let Err(problem) = DatabaseUrl::parse(self.url.expose()) {
            checks.fail("url", problem.message());
        }
        checks.ensure((1..=MAX_OPEN).contains(&self.max_open), "max_open", "must be from 1 to 262143");
        checks.ensure(!self.acquire_timeout.is_zero(), "acquire_timeout", "must be longer than zero");
        checks.ensure(!self.connect_timeout.is_zero(), "connect_timeout", "must be longer than zero");
        for (name, limit) in [
            ("acquire_timeout", self.acquire_timeout),
            ("statement_timeout", self.statement_timeout),
            ("idle_in_transaction_timeout", self.idle_in_transaction_timeout),
        ] {
            checks.ensure(limit <= LONGEST_IN_MILLIS, name, "must be at most 24 days");
        }
        for (name, limit) in [
            ("idle_timeout", self.idle_timeout),
            ("max_lifetime", self.max_lifetime),
            ("check_after", self.check_after),
            ("connect_timeout", self.connect_timeout),
            ("slow_query", self.slow_query),
        ] {
            checks.ensure(limit <= retry::LONGEST, name, "must be at most 365 days");
        }
        checks.ensure(
            !self.application_name.contains('\0') && self.application_name.len() < 64,
            "application_name",
            "must be shorter than 64 bytes, without NUL",
        );
        checks.nested("connect_retry", &self.connect_retry);
        checks.nested("tls", &self.tls);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_ask_only_for_a_url() {
        let keys = |settings: &DatabaseSettings| -> Vec<String> {
            Checks::of(settings).failures().iter().map(|failed| failed.key().to_owned()).collect()
        };
        assert_eq!(keys(&DatabaseSettings::default()), ["url"]);
        assert!(keys(&DatabaseSettings::new("postgres://localhost/app")).is_empty());
    }

    #[test]
    fn what_contradicts_itself_is_named() {
        let settings = DatabaseSettings {
            max_open: 0,
            acquire_timeout: Duration::ZERO,
            ..DatabaseSettings::new("postgres://localhost/app")
        };
        let checks = Checks::of(&settings);
        let keys: Vec<&str> = checks.failures().iter().map(underpin_config::FailedCheck::key).collect();
        assert_eq!(keys, ["max_open", "acquire_timeout"]);
    }

    #[test]
    fn every_duration_has_a_limit_that_its_use_can_bear() {
        let failed = |text: &str| -> Vec<String> {
            let settings: DatabaseSettings = serde_json::from_str(text).unwrap();
            Checks::of(&settings).failures().iter().map(|failed| failed.key().to_owned()).collect()
        };
        let names = [
            "idle_timeout",
            "max_lifetime",
            "check_after",
            "acquire_timeout",
            "connect_timeout",
            "statement_timeout",
            "idle_in_transaction_timeout",
            "slow_query",
        ];
        for name in names {
            let with = |limit: &str| format!(r#"{{"url":"postgres://localhost/app","{name}":"{limit}"}}"#);
            assert_eq!(failed(&with("36500d")), [name]);
            assert_eq!(failed(&with("24d")), [""; 0], "{name}");
        }
        let retry = r#"{"url":"postgres://localhost/app","connect_retry":{"max":"36500d"}}"#;
        assert_eq!(failed(retry), ["connect_retry.max"]);
        assert!(
            RetrySettings::default().initial(Duration::MAX).max(Duration::MAX).pause(0) <= retry::LONGEST
        );
    }

    #[test]
    fn settings_are_read_from_text_with_units() {
        let text = r#"{"url":"postgres://localhost/app","max_lifetime":"10m","slow_query":"250ms",
            "pooling_mode":"transaction_pooler","tls":{"mode":"verify_full"},"connect_retry":{"max_retries":2}}"#;
        let settings: DatabaseSettings = serde_json::from_str(text).unwrap();
        assert_eq!(settings.max_lifetime, Duration::from_secs(600));
        assert_eq!(settings.slow_query, Duration::from_millis(250));
        assert_eq!(settings.pooling_mode, PoolingMode::TransactionPooler);
        assert_eq!(settings.tls.mode, Some(TlsMode::VerifyFull));
        assert_eq!(settings.connect_retry.max_retries, 2);
        assert!(serde_json::from_str::<DatabaseSettings>(r#"{"max_opne":3}"#).is_err());
    }
}
