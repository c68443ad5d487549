//! Typed access to a lookup by key.

use serde::de::DeserializeOwned;

use crate::load::decode;
use crate::load::report::Reporting;
use crate::{Config, ConfigError, Issue, IssueKind, Value};

/// What every [`Config`] can do.
///
/// # Examples
/// ```
/// use underpin_config::{Config, ConfigExt, Loader};
///
/// let config = Loader::new("APP").environment([("APP_SERVER__PORT", "8080"), ("APP_NAME", "007")]).snapshot()?;
/// let config: &dyn Config = &config;
///
/// assert_eq!(config.get::<u16>("server.port")?, 8080);
/// assert_eq!(config.string("name")?, "007");
/// assert_eq!(config.get_or("server.workers", 4)?, 4);
/// assert_eq!(
///     config.require(&["server.port", "server.host"]).unwrap_err().to_string(),
///     "the configuration has a problem: `server.host` is missing (environment variable APP_SERVER__HOST)"
/// );
/// # Ok::<(), underpin_config::ConfigError>(())
/// ```
pub trait ConfigExt: Config {
    /// The value at a key as a type.
    ///
    /// # Errors
    /// When the key is set nowhere or its value does not fit; every problem below the key is reported.
    fn get<T: DeserializeOwned>(&self, key: &str) -> Result<T, ConfigError> {
        match self.value(key) {
            Some(value) => decode_one(self, key, &value),
            None => Err(ConfigError::one(missing(self, key))),
        }
    }

    /// The value at a key, or `default` when it is set nowhere.
    ///
    /// # Errors
    /// When the value does not fit: a mistyped value never turns into the default.
    fn get_or<T: DeserializeOwned>(&self, key: &str, default: T) -> Result<T, ConfigError> {
        match self.value(key) {
            Some(value) => decode_one(self, key, &value),
            None => Ok(default),
        }
    }

    /// The value at a key as text.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn string(&self, key: &str) -> Result<String, ConfigError> {
        self.get(key)
    }

    /// The value at a key as an integer.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn int(&self, key: &str) -> Result<i64, ConfigError> {
        self.get(key)
    }

    /// The value at a key as yes or no.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn bool(&self, key: &str) -> Result<bool, ConfigError> {
        self.get(key)
    }

    /// The value at a key as a number.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn float(&self, key: &str) -> Result<f64, ConfigError> {
        self.get(key)
    }

    /// Whether the key is set, to anything.
    fn is_set(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Checks that every key is set.
    ///
    /// # Errors
    /// One error that names each key that is not.
    fn require(&self, keys: &[&str]) -> Result<(), ConfigError> {
        let absent = keys.iter().filter(|key| !self.is_set(key)).map(|key| missing(self, key)).collect();
        ConfigError::of(absent).map_or(Ok(()), Err)
    }
}

impl<C: Config + ?Sized> ConfigExt for C {}

fn missing<C: Config + ?Sized>(config: &C, key: &str) -> Issue {
    Issue::new(IssueKind::Missing, key, "is missing").set_by(config.variables(key))
}

/// Decodes the value at a key.
fn decode_one<T: DeserializeOwned, C: Config + ?Sized>(
    config: &C,
    above: &str,
    value: &Value,
) -> Result<T, ConfigError> {
    let outcome = decode::decode(value);
    let issues = Reporting { root: value, above, config, hides_missing: false }.outcome(&outcome);
    ConfigError::clean(outcome.value, issues)
}
