//! A configuration as a lookup by key.

use crate::{Origin, Value};

/// A configuration as a lookup by key. Keys are dotted (`database.max_connections`); a part that contains a dot is quoted
/// (`hosts."example.com".port`).
///
/// Code that knows its settings takes a struct; this trait is for what does not: plugins, feature switches, tools. The
/// conveniences are in [`ConfigExt`](crate::ConfigExt).
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use underpin_config::{Config, ConfigExt, Loader};
///
/// fn is_on(config: &dyn Config, feature: &str) -> bool {
///     config.bool(&format!("features.{feature}")).unwrap_or(false)
/// }
///
/// let config: Arc<dyn Config> =
///     Arc::new(Loader::new("APP").environment([("APP_FEATURES__DARK_MODE", "yes")]).snapshot()?);
/// assert!(is_on(&*config, "dark_mode") && !is_on(&*config, "light_mode"));
/// # Ok::<(), underpin_config::ConfigError>(())
/// ```
#[cfg_attr(feature = "testing", mockall::automock)]
pub trait Config: Send + Sync + 'static {
    /// The value at a key, or `None` when it is set nowhere.
    fn value(&self, key: &str) -> Option<Value>;

    /// Where the value at a key came from.
    fn origin(&self, key: &str) -> Option<Origin>;

    /// The environment variables that set a key, the usual one first; for messages.
    fn variables(&self, key: &str) -> Vec<String>;
}

const _: fn(&dyn Config) = |_| ();
