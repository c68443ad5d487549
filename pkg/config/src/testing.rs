//! For tests of code that takes a [`Config`](crate::Config): a mock and a real snapshot of a few pairs; and a mock of a
//! [`Source`](crate::Source).

pub use crate::load::lookup::MockConfig;
pub use crate::load::source::dynamic::MockSource;
use crate::{ConfigError, Loader, Snapshot};

/// A snapshot of `key = text` pairs, read by the real loader; the environment of the process is left alone.
///
/// # Errors
/// When a key is given as a whole and in part, as for any source.
///
/// # Examples
/// ```
/// use underpin_config::{ConfigExt, testing};
///
/// let config = testing::snapshot([("server.port", "8080")])?;
/// assert_eq!(config.int("server.port")?, 8080);
/// # Ok::<(), underpin_config::ConfigError>(())
/// ```
pub fn snapshot<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> Result<Snapshot, ConfigError> {
    let loader = Loader::new("TEST").environment([("", ""); 0]);
    pairs.into_iter().fold(loader, |loader, (key, text)| loader.set(key, text)).snapshot()
}
