use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use underpin_config::{Checks, Secret, Validate, duration, setters};
use underpin_logger::LoggerSettings;

/// The longest span that a setting of this crate may have: a day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What the runtime needs of an adopter's settings type.
pub trait ServiceSettings: DeserializeOwned + Validate + Send + Sync + 'static {
    /// The log.
    fn logger(&self) -> LoggerSettings;

    /// Life cycle, runtime and admin listener.
    fn lifecycle(&self) -> LifecycleSettings {
        LifecycleSettings::default()
    }

    /// What `config reference` prints: `Some(loader.reference::<Self>())` for a type with `schemars::JsonSchema`. None without it.
    #[cfg(feature = "commands")]
    fn reference(loader: &underpin_config::Loader) -> Option<underpin_config::schema::Reference> {
        let _unused = loader;
        None
    }
}

/// How a service starts and stops: a block of the settings.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_service::LifecycleSettings;
///
/// // In Kubernetes: readiness is off for 5 s before the listener closes.
/// let settings = LifecycleSettings::default().drain_grace(Duration::from_secs(5));
/// assert!(settings.stop_within > settings.drain_grace);
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LifecycleSettings {
    /// How long all components together may take to open, start and become healthy. Default: 60 s.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub start_within: Duration,
    /// How long the stop may take, from the signal to the end of the process, the grace included. Default: 20 s.
    /// `terminationGracePeriodSeconds` is at least two seconds more.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub stop_within: Duration,
    /// How long traffic is still accepted after readiness went off on SIGTERM. Default: none. In Kubernetes: 5 s, until every endpoint has noticed.
    /// SIGINT skips it.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub drain_grace: Duration,
    /// The tokio runtime.
    pub runtime: RuntimeSettings,
    /// The admin listener.
    pub admin: AdminSettings,
}

/// The threads of the tokio runtime.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RuntimeSettings {
    /// Worker threads; 0 for as many as there are cores. Default: 0.
    pub workers: usize,
    /// The most threads for blocking work. Default: 512.
    pub blocking_threads: usize,
}

/// The admin listener: probes, metrics and information, on a thread and runtime that the service's load does not reach.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AdminSettings {
    /// Whether there is one. Default: true.
    pub enabled: bool,
    /// Where it listens. Default: `127.0.0.1:9090`. On other than loopback addresses callers from outside reach the probes, and the rest only with `token`.
    pub address: SocketAddr,
    /// What `Authorization: Bearer` must hold for the paths that are no probes, if the caller is not on loopback.
    #[serde(skip_serializing)]
    pub token: Option<Secret<String>>,
    /// Without a beat of the main runtime for this long, `/health/live` says 503. Default: 30 s.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub stall_after: Duration,
}

impl LifecycleSettings {
    setters! {
        /// See [`start_within`](Self::start_within).
        start_within: Duration => start_within;
        /// See [`stop_within`](Self::stop_within).
        stop_within: Duration => stop_within;
        /// See [`drain_grace`](Self::drain_grace).
        drain_grace: Duration => drain_grace;
        /// See [`runtime`](Self::runtime).
        runtime: RuntimeSettings => runtime;
        /// See [`admin`](Self::admin).
        admin: AdminSettings => admin;
    }
}

impl RuntimeSettings {
    setters! {
        /// See [`workers`](Self::workers).
        workers: usize => workers;
        /// See [`blocking_threads`](Self::blocking_threads).
        blocking_threads: usize => blocking_threads;
    }
}

impl AdminSettings {
    setters! {
        /// See [`address`](Self::address).
        address: SocketAddr => address;
        /// See [`token`](Self::token).
        token: impl Into<String> => Some(Secret::new(token.into()));
        /// See [`stall_after`](Self::stall_after).
        stall_after: Duration => stall_after;
    }

    /// No admin listener.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.enabled = false;
        self
    }
}

impl Default for LifecycleSettings {
    fn default() -> Self {
        Self {
            start_within: Duration::from_secs(60),
            stop_within: Duration::from_secs(20),
            drain_grace: Duration::ZERO,
            runtime: RuntimeSettings::default(),
            admin: AdminSettings::default(),
        }
    }
}

impl Default for RuntimeSettings {
    fn default() -> Self {
        Self { workers: 0, blocking_threads: 512 }
    }
}

impl Default for AdminSettings {
    fn default() -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 9090));
        Self { enabled: true, address, token: None, stall_after: Duration::from_secs(30) }
    }
}

impl Validate for LifecycleSettings {
    fn validate(&self, checks: &mut Checks) {
        let is_span = |span: Duration| !span.is_zero() && span <= DAY;
        checks.ensure(is_span(self.start_within), "start_within", "must be above zero and at most a day");
        checks.ensure(is_span(self.stop_within), "stop_within", "must be above zero and at most a day");
        checks.ensure(
            self.drain_grace <= self.stop_within / 2,
            "drain_grace",
            "must be at most half of stop_within, which includes it",
        );
        checks.nested("runtime", &self.runtime);
        checks.nested("admin", &self.admin);
    }
}

impl Validate for RuntimeSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(self.workers <= 1024, "workers", "must be at most 1024");
        let blocking = 1..=32_768;
        checks.ensure(blocking.contains(&self.blocking_threads), "blocking_threads", "must be 1 to 32768");
    }
}

impl Validate for AdminSettings {
    fn validate(&self, checks: &mut Checks) {
        let stall = Duration::from_secs(2)..=DAY;
        checks.ensure(stall.contains(&self.stall_after), "stall_after", "must be two seconds to a day");
        let is_set = self.token.as_ref().is_none_or(|token| token.expose().len() >= 16);
        checks.ensure(is_set, "token", "must have 16 characters or more");
    }
}
