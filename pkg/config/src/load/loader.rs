//! Which sources there are, and in which order they count.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::load::key;
use crate::load::source::defaults;
use crate::load::source::dynamic::Source;
use crate::load::source::variables::Names;
use crate::{Issue, IssueKind, Table, Value};

/// Collects the sources of a configuration and reads them.
///
/// The precedence is fixed, whatever the order of the calls: defaults < files (in the order given) < profile files < secrets
/// directories < [sources](Self::source) < `.env` files < environment < overrides. Tables merge key by key; lists and everything
/// else are replaced.
///
/// [`load`](Self::load) and [`snapshot`](Self::snapshot) read the sources, each of them all again.
///
/// # Examples
/// ```
/// use underpin_config::{Loader, Secret, Validate};
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Settings { database: Database }
///
/// #[derive(serde::Deserialize)]
/// #[serde(default, deny_unknown_fields)]
/// struct Database { url: Secret<String>, max_connections: u32 }
///
/// impl Default for Database {
///     fn default() -> Self {
///         Self { url: Secret::default(), max_connections: 25 }
///     }
/// }
///
/// impl Validate for Settings {}
///
/// let settings: Settings = Loader::new("APP")
///     .optional_file("app.toml")
///     .environment([("APP_DATABASE__URL", "postgres://ada:hunter2@localhost/app")])
///     .set("database.max_connections", "50")
///     .load()?;
/// assert_eq!(settings.database.max_connections, 50);
/// # Ok::<(), underpin_config::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Loader {
    pub(crate) names: Names,
    pub(super) defaults: Option<Value>,
    pub(super) broken_defaults: Vec<Issue>,
    pub(crate) files: Vec<Declared>,
    pub(crate) secrets_dirs: Vec<Declared>,
    pub(crate) dotenvs: Vec<Declared>,
    pub(super) environment: Option<Vec<(OsString, OsString)>>,
    pub(super) overrides: Vec<Override>,
    pub(super) sources: Vec<Arc<dyn Source>>,
    pub(super) profile: Option<String>,
    pub(super) on_warning: Option<Notice>,
}

/// What is called with each warning.
pub(super) type Notice = Arc<dyn Fn(&Issue) + Send + Sync>;

/// A file or directory, and whether it must be there.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) path: PathBuf,
    pub(crate) required: bool,
}

#[derive(Clone)]
pub(super) enum Override {
    Pair(Vec<String>, String),
    NoPair,
}

impl Loader {
    /// A loader for environment variables that start with `prefix` and an underscore: with `APP`, the variable
    /// `APP_DATABASE__MAX_CONNECTIONS` sets `database.max_connections`. The prefix is compared with its case. With an empty
    /// prefix only variables that are [bound](Self::bind) are read.
    ///
    /// `APP_PROFILE` selects the [profile](Self::profile) and sets no key.
    pub fn new(prefix: &str) -> Self {
        Self {
            names: Names::new(prefix),
            defaults: None,
            broken_defaults: Vec::new(),
            files: Vec::new(),
            secrets_dirs: Vec::new(),
            dotenvs: Vec::new(),
            environment: None,
            overrides: Vec::new(),
            sources: Vec::new(),
            profile: None,
            on_warning: None,
        }
    }

    /// The defaults, as a value of the settings type. Not needed where the type says `#[serde(default)]`, but then
    /// [`Snapshot::explain`](crate::Snapshot::explain) cannot show them. A [`Secret`](crate::Secret) is left out: it serializes as a mask.
    #[must_use]
    pub fn defaults<T: Serialize>(mut self, defaults: &T) -> Self {
        match defaults::read(defaults) {
            Some(value) if value.depth() > key::MAX_SEGMENTS => {
                let message = "the defaults are nested in more than 64 levels";
                self.broken_defaults.push(Issue::new(IssueKind::Syntax, "", message));
            }
            Some(value) => self.add_defaults(value),
            None => {
                let message = "the defaults cannot be written as a table of keys and values";
                self.broken_defaults.push(Issue::new(IssueKind::Syntax, "", message));
            }
        }
        self
    }

    /// Later defaults count more; all of them are one layer.
    fn add_defaults(&mut self, value: Value) {
        match &mut self.defaults {
            Some(defaults) => defaults.lay_over(value),
            None => self.defaults = Some(value),
        }
    }

    /// The default of one key.
    #[must_use]
    pub fn default_value(mut self, key: &str, value: impl Into<Value>) -> Self {
        let path: Vec<&str> = key::segments(key).take(key::MAX_SEGMENTS + 1).collect();
        if path.len() > key::MAX_SEGMENTS {
            self.broken_defaults.push(Issue::new(IssueKind::Syntax, key, key::TOO_DEEP));
            return self;
        }
        let nest = |value, name: &&str| Value::Table(Table::from([((*name).to_owned(), value)]));
        self.add_defaults(path.iter().rev().fold(value.into(), nest));
        self
    }

    /// A TOML file that must be there. The path is taken as it is: parent directories are not searched.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.files.push(Declared { path: path.into(), required: true });
        self
    }

    /// A TOML file that may be absent. One that is there and cannot be read is an error all the same.
    #[must_use]
    pub fn optional_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.files.push(Declared { path: path.into(), required: false });
        self
    }

    /// Selects a profile: beside each file `app.toml` the file `app.<profile>.toml` is read, and one of them must be there.
    /// Without this call the variable `<PREFIX>_PROFILE` of the environment or of a `.env` file selects it.
    #[must_use]
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// A directory with one secret per file that must be there, as Docker and Kubernetes mount it.
    #[must_use]
    pub fn secrets_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.secrets_dirs.push(Declared { path: path.into(), required: true });
        self
    }

    /// A secrets directory that may be absent.
    #[must_use]
    pub fn optional_secrets_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.secrets_dirs.push(Declared { path: path.into(), required: false });
        self
    }

    /// A source that has to be awaited, such as a secret store; it counts like a secrets directory and above all of them. Load
    /// with [`load_async`](Self::load_async) or [`snapshot_async`](Self::snapshot_async) then.
    #[must_use]
    pub fn source(mut self, source: Arc<dyn Source>) -> Self {
        self.sources.push(source);
        self
    }

    /// A `.env` file that must be there. It never changes the environment of the process.
    #[must_use]
    pub fn dotenv(mut self, path: impl Into<PathBuf>) -> Self {
        self.dotenvs.push(Declared { path: path.into(), required: true });
        self
    }

    /// A `.env` file that may be absent.
    #[must_use]
    pub fn optional_dotenv(mut self, path: impl Into<PathBuf>) -> Self {
        self.dotenvs.push(Declared { path: path.into(), required: false });
        self
    }

    /// Reads these variables instead of the environment of the process; for tests.
    #[must_use]
    pub fn environment<N: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.environment =
            Some(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect());
        self
    }

    /// Lets a variable without the prefix set a key, such as `DATABASE_URL`. Within the environment, and within a `.env` file,
    /// the variable with the prefix wins.
    #[must_use]
    pub fn bind(mut self, key: &str, variable: &str) -> Self {
        self.names.bind(key, variable);
        self
    }

    /// Skips a variable that carries the prefix and is no configuration, such as `APP_HOME` of a packager.
    #[must_use]
    pub fn ignore_variable(mut self, variable: &str) -> Self {
        self.names.ignore(variable);
        self
    }

    /// Calls `notice` with each warning whenever the sources are read, for example to log it. A warning fails no load: it is a
    /// malformed line of a `.env` file whose variable is not read. [`Snapshot::warnings`](crate::Snapshot::warnings) has the same
    /// ones.
    #[must_use]
    pub fn on_warning(mut self, notice: impl Fn(&Issue) + Send + Sync + 'static) -> Self {
        self.on_warning = Some(Arc::new(notice));
        self
    }

    /// Overrides one key. The text is typed by the field that receives it; of two overrides of a key the last counts.
    #[must_use]
    pub fn set(mut self, key: &str, text: impl Into<String>) -> Self {
        let path = key::segments(key).map(str::to_owned).collect();
        self.overrides.push(Override::Pair(path, text.into()));
        self
    }

    /// Overrides as `key=value`, usually from the command line.
    #[must_use]
    pub fn overrides<S: AsRef<str>>(mut self, pairs: impl IntoIterator<Item = S>) -> Self {
        for pair in pairs {
            self.overrides.push(match pair.as_ref().split_once('=') {
                Some((key, text)) if !key.trim().is_empty() => {
                    Override::Pair(key::segments(key.trim()).map(str::to_owned).collect(), text.to_owned())
                }
                _ => Override::NoPair,
            });
        }
        self
    }
}

/// Names of files and keys only: overrides and given environments may hold secrets.
impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("prefix", &self.names.prefix())
            .field("files", &self.files)
            .field("secrets_dirs", &self.secrets_dirs)
            .field("dotenvs", &self.dotenvs)
            .finish_non_exhaustive()
    }
}
