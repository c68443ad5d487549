//! Settings that are replaced as a whole when the configuration changes.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::changed::Changed;
use super::changes::Changes;
use super::reader::{Current, Reader};
use super::shared::{Loaded, Shared};
use crate::load::source::dynamic::Fetched;
use crate::{ConfigError, Loader, Snapshot, Validate};

/// Settings that are replaced as a whole when the configuration changes.
///
/// A reader sees one complete and valid value, never a mixture of two; reading takes no lock. A reload that finds a problem
/// leaves the value as it is. Clones share the value.
///
/// [`Validate::live_keys`] marks the keys that apply without a restart; [`Changed::needs_restart`] reports the others.
///
/// # Examples
/// ```
/// use underpin_config::{Live, Loader, Reload, Validate};
///
/// #[derive(serde::Deserialize)]
/// struct Settings { limit: u32 }
/// impl Validate for Settings {}
///
/// let file = std::env::temp_dir().join(format!("live-{}.toml", std::process::id()));
/// std::fs::write(&file, "limit = 1")?;
/// let live: Live<Settings> = Live::load(Loader::new("APP").file(&file).environment([("", ""); 0]))?;
/// assert_eq!(live.read().limit, 1);
///
/// std::fs::write(&file, "limit = \"many\"")?;
/// assert!(live.reload().is_err());
/// assert_eq!(live.read().limit, 1, "the last good value stays");
///
/// std::fs::write(&file, "limit = 2")?;
/// assert!(matches!(live.reload()?, Reload::Changed(changed) if changed.keys() == ["limit"]));
/// assert_eq!(live.read().limit, 2);
/// # std::fs::remove_file(&file)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Live<T>(Arc<Shared<T>>);

/// The result of reading, before it is published.
enum Staged<T> {
    Same,
    New(Arc<T>, Loaded),
    Refused(ConfigError),
}

/// What a reload did.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reload {
    /// The value was replaced, and subscribers were notified: these keys differ.
    Changed(Changed),
    /// The configuration has the same values as before.
    Unchanged,
}

impl<T: DeserializeOwned + Validate + Send + Sync + 'static> Live<T> {
    /// Loads the settings for the first time.
    ///
    /// # Errors
    /// As [`Loader::load`].
    pub fn load(loader: Loader) -> Result<Self, ConfigError> {
        Self::first(loader, None)
    }

    /// As [`load`](Self::load), for a loader with a [`source`](Loader::source).
    ///
    /// # Errors
    /// As [`Loader::load_async`].
    ///
    /// # Cancel safety
    /// A dropped call keeps no state.
    pub async fn load_async(loader: Loader) -> Result<Self, ConfigError> {
        let fetched = loader.fetch().await;
        Self::first(loader, Some(fetched))
    }

    fn first(loader: Loader, fetched: Option<Vec<Fetched>>) -> Result<Self, ConfigError> {
        let (snapshot, issues) = loader.read(fetched.as_deref());
        let value = Arc::new(snapshot.decode_beside(issues)?);
        Ok(Self(Arc::new(Shared::new(loader, value, Loaded { snapshot, fetched, error: None }))))
    }

    /// Reads every source again; what [asynchronous sources](Loader::source) answered last time is taken as it was.
    ///
    /// Subscribers are notified when the value changed. Two reloads at a time run one after the other.
    ///
    /// # Errors
    /// As [`Loader::load`]; the value stays as it was.
    pub fn reload(&self) -> Result<Reload, ConfigError> {
        let mut loaded = self.0.loaded();
        let staged = self.stage(&loaded, loaded.fetched.clone());
        self.publish(&mut loaded, staged)
    }

    /// As [`reload`](Self::reload), unless `still_true` says after reading that the files changed meanwhile.
    #[cfg(feature = "watch")]
    pub(crate) fn reload_if(&self, still_true: impl FnOnce() -> bool) -> Option<Result<Reload, ConfigError>> {
        let mut loaded = self.0.loaded();
        let staged = self.stage(&loaded, loaded.fetched.clone());
        still_true().then(|| self.publish(&mut loaded, staged))
    }

    /// As [`reload`](Self::reload), and asks the asynchronous sources again.
    ///
    /// # Errors
    /// As [`Loader::load_async`]; the value stays as it was.
    ///
    /// # Cancel safety
    /// A call that is dropped changes nothing.
    pub async fn reload_async(&self) -> Result<Reload, ConfigError> {
        let fetched = self.0.loader.fetch().await;
        let mut loaded = self.0.loaded();
        let staged = self.stage(&loaded, Some(fetched));
        self.publish(&mut loaded, staged)
    }

    fn stage(&self, loaded: &Loaded, fetched: Option<Vec<Fetched>>) -> Staged<T> {
        let (snapshot, issues) = self.0.loader.read(fetched.as_deref());
        if issues.is_empty() && snapshot.says_the_same_as(&loaded.snapshot) {
            return Staged::Same;
        }
        match snapshot.decode_beside::<T>(issues) {
            Ok(value) => Staged::New(Arc::new(value), Loaded { snapshot, fetched, error: None }),
            Err(error) => Staged::Refused(error),
        }
    }

    fn publish(&self, loaded: &mut Loaded, staged: Staged<T>) -> Result<Reload, ConfigError> {
        match staged {
            Staged::Same => {
                loaded.error = None;
                Ok(Reload::Unchanged)
            }
            Staged::New(value, new) => {
                let keys = new.snapshot.differences(&loaded.snapshot);
                *loaded = new;
                let changed = Changed::new(keys, value.live_keys());
                self.0.current.store(Arc::clone(&value));
                self.0.signal.announce(value);
                Ok(Reload::Changed(changed))
            }
            Staged::Refused(error) => {
                loaded.error = Some(error.clone());
                Err(error)
            }
        }
    }
}

impl<T> Live<T> {
    /// The current settings, to keep for the length of a request.
    pub fn current(&self) -> Arc<T> {
        self.0.current.load_full()
    }

    /// The current settings, for a short read: no lock and no reference count. Do not hold it across an
    /// `.await`; [`current`](Self::current) is for that.
    pub fn read(&self) -> Current<T> {
        Current::new(self.0.current.load())
    }

    /// A caching reader: while the value does not change, a read costs one atomic load.
    pub fn reader(&self) -> Reader<T> {
        Reader::new(Arc::clone(&self.0))
    }

    /// Subscribes to every later change.
    pub fn subscribe(&self) -> Changes<T>
    where
        T: Send + Sync,
    {
        Changes::of(&self.0.signal)
    }

    /// The configuration behind the current settings, to explain it.
    pub fn snapshot(&self) -> Snapshot {
        self.0.loaded().snapshot.clone()
    }

    /// Why the last reload was refused; `None` once a reload went well.
    pub fn last_error(&self) -> Option<ConfigError> {
        self.0.loaded().error.clone()
    }

    #[cfg(feature = "watch")]
    pub(crate) fn loader(&self) -> &Loader {
        &self.0.loader
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Prints no settings: they may hold secrets outside of [`Secret`](crate::Secret).
impl<T> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("loader", &self.0.loader).finish_non_exhaustive()
    }
}
