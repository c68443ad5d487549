//! Which sources there are, and in which order they count.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::load::layer::Layer;
use crate::load::merge::merge;
use crate::load::source::dotenv::{self, Assignment};
use crate::load::source::dynamic::{self, Fetched, Source};
use crate::load::source::variables::Names;
use crate::load::source::{defaults, secrets_dir, toml};
use crate::load::{key, profile};
use crate::{ConfigError, Issue, IssueKind, Origin, Snapshot, Table, Validate, Value};

/// Collects the sources of a configuration and reads them.
///
/// The precedence is fixed, whatever the order of the calls: defaults < files (in the order given) < profile files < secrets
/// directories < [sources](Self::source) < `.env` files < environment < overrides. Tables merge key by key; lists and everything else are replaced.
///
/// Nothing is read before [`load`](Self::load) or [`snapshot`](Self::snapshot), and each of them reads everything again.
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
    defaults: Vec<Value>,
    broken_defaults: Vec<Issue>,
    pub(crate) files: Vec<Declared>,
    pub(crate) secrets_dirs: Vec<Declared>,
    pub(crate) dotenvs: Vec<Declared>,
    environment: Option<Vec<(OsString, OsString)>>,
    overrides: Vec<Override>,
    sources: Vec<Arc<dyn Source>>,
    profile: Option<String>,
}

/// A file or directory, and whether it must be there.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) path: PathBuf,
    pub(crate) required: bool,
}

#[derive(Clone)]
enum Override {
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
            defaults: Vec::new(),
            broken_defaults: Vec::new(),
            files: Vec::new(),
            secrets_dirs: Vec::new(),
            dotenvs: Vec::new(),
            environment: None,
            overrides: Vec::new(),
            sources: Vec::new(),
            profile: None,
        }
    }

    /// The defaults, as a value of the settings type. Not needed where the type says `#[serde(default)]`, but then
    /// [`Snapshot::explain`] cannot show them. A [`Secret`](crate::Secret) is left out: it serializes as a mask.
    #[must_use]
    pub fn defaults<T: Serialize>(mut self, defaults: &T) -> Self {
        match defaults::read(defaults) {
            Some(value) => self.defaults.push(value),
            None => {
                let message = "the defaults cannot be written as a table of keys and values";
                self.broken_defaults.push(Issue::new(IssueKind::Syntax, "", message));
            }
        }
        self
    }

    /// The default of one key.
    #[must_use]
    pub fn default_value(mut self, key: &str, value: impl Into<Value>) -> Self {
        let path: Vec<&str> = key::segments(key).collect();
        let nest = |value, name: &&str| Value::Table(Table::from([((*name).to_owned(), value)]));
        self.defaults.push(path.iter().rev().fold(value.into(), nest));
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

    /// Reads every source, decodes the settings and runs their checks.
    ///
    /// # Errors
    /// Every problem of every source and of every key, in one error.
    pub fn load<T: DeserializeOwned + Validate>(&self) -> Result<T, ConfigError> {
        let (snapshot, issues) = self.read(None);
        snapshot.decode_beside(issues)
    }

    /// Reads every source.
    ///
    /// # Errors
    /// Every problem of every source, in one error.
    pub fn snapshot(&self) -> Result<Snapshot, ConfigError> {
        let (snapshot, issues) = self.read(None);
        ConfigError::of(issues).map_or(Ok(snapshot), Err)
    }

    /// As [`load`](Self::load), for a loader with a [`source`](Self::source). Files are read on the calling thread.
    ///
    /// # Errors
    /// Every problem of every source and of every key, in one error.
    ///
    /// # Cancel safety
    /// Nothing is kept of a call that is dropped.
    pub async fn load_async<T: DeserializeOwned + Validate>(&self) -> Result<T, ConfigError> {
        let (snapshot, issues) = self.read(Some(&self.fetch().await));
        snapshot.decode_beside(issues)
    }

    /// As [`snapshot`](Self::snapshot), for a loader with a [`source`](Self::source).
    ///
    /// # Errors
    /// Every problem of every source, in one error.
    ///
    /// # Cancel safety
    /// Nothing is kept of a call that is dropped.
    pub async fn snapshot_async(&self) -> Result<Snapshot, ConfigError> {
        let (snapshot, issues) = self.read(Some(&self.fetch().await));
        ConfigError::of(issues).map_or(Ok(snapshot), Err)
    }

    pub(crate) async fn fetch(&self) -> Vec<Fetched> {
        let mut fetched = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            fetched.push(Fetched::from(source.as_ref()).await);
        }
        fetched
    }

    /// Reads what can be read at once; `fetched` holds what the asynchronous sources answered.
    pub(crate) fn read(&self, fetched: Option<&[Fetched]>) -> (Snapshot, Vec<Issue>) {
        let mut first = Layer { issues: self.broken_defaults.clone(), ..Layer::default() };
        let environment = self.variables_of_process(&mut first.issues);
        let dotenvs: Vec<(&Path, Vec<Assignment>)> = present(&self.dotenvs)
            .map(|path| {
                let (assignments, issues) = dotenv::read(path);
                first.is_incomplete |= !issues.is_empty();
                first.issues.extend(issues);
                (path, assignments)
            })
            .collect();

        let mut layers = vec![first];
        layers.extend(self.defaults.iter().map(defaults::of));
        layers.extend(present(&self.files).map(toml::read));
        layers.extend(self.profile_layers(&environment, &dotenvs));
        layers.extend(present(&self.secrets_dirs).map(|root| secrets_dir::read(root, self.names.prefix())));
        match fetched {
            Some(fetched) => layers.extend(fetched.iter().map(Fetched::layer)),
            None => layers.extend(self.sources.iter().map(|source| dynamic::unasked(source.as_ref()))),
        }
        layers.extend(dotenvs.iter().map(|(path, assignments)| self.dotenv_layer(path, assignments)));
        layers.push(self.names.layer(environment.iter().map(|(name, text)| {
            (name.as_str(), text.as_str(), Origin::Environment { variable: name.as_str().into() })
        })));
        layers.push(self.override_layer());
        Snapshot::new(merge(layers), self.names.clone())
    }

    /// The variables, sorted by name; one of ours that is no UTF-8 is an error, others are nobody's business.
    fn variables_of_process(&self, issues: &mut Vec<Issue>) -> BTreeMap<String, String> {
        let variables = self.environment.clone().unwrap_or_else(|| std::env::vars_os().collect());
        let mut readable = BTreeMap::new();
        for (name, value) in variables {
            let Ok(name) = name.into_string() else { continue };
            if !self.names.reads(&name) {
                continue;
            }
            match value.into_string() {
                Ok(value) => drop(readable.insert(name, value)),
                Err(_) => {
                    let origin = Origin::Environment { variable: name.as_str().into() };
                    let issue = Issue::new(IssueKind::Syntax, "", "the variable is not UTF-8 text");
                    issues.push(issue.with_origin(Some(origin)));
                }
            }
        }
        readable
    }

    fn profile_layers(
        &self,
        environment: &BTreeMap<String, String>,
        dotenvs: &[(&Path, Vec<Assignment>)],
    ) -> Vec<Layer> {
        let variable = self.names.profile();
        let of_dotenv = || {
            let mut assignments = dotenvs.iter().rev().flat_map(|(_, assignments)| assignments.iter().rev());
            assignments
                .find(|assignment| assignment.name == variable)
                .map(|assignment| assignment.value.clone())
        };
        let selected =
            self.profile.clone().or_else(|| environment.get(&variable).cloned()).or_else(of_dotenv);
        match selected {
            Some(name) if !name.is_empty() => {
                let files = self.files.iter().map(|file| file.path.as_path());
                let by = self.profile.is_none().then_some(variable.as_str());
                profile::layers(&name, by, files)
            }
            _ => Vec::new(),
        }
    }

    fn dotenv_layer(&self, path: &Path, assignments: &[Assignment]) -> Layer {
        self.names.layer(assignments.iter().map(|Assignment { name, value, line }| {
            let origin = Origin::DotEnv { path: path.into(), line: *line, variable: name.as_str().into() };
            (name.as_str(), value.as_str(), origin)
        }))
    }

    fn override_layer(&self) -> Layer {
        let mut layer = Layer::text();
        let mut last: BTreeMap<&[String], &str> = BTreeMap::new();
        for (index, given) in self.overrides.iter().enumerate() {
            match given {
                Override::Pair(path, text) if path.iter().all(|segment| !segment.is_empty()) => {
                    last.insert(path, text);
                }
                _ => {
                    let message = format!("override {} is no `key=value`", index + 1);
                    layer.issues.push(Issue::new(IssueKind::Syntax, "", message));
                }
            }
        }
        for (path, text) in last {
            layer.set_text(path, text, Origin::Override);
        }
        layer
    }
}

/// What must be there or is there: an absent optional file is skipped, one that cannot be looked at is not.
fn present(declared: &[Declared]) -> impl Iterator<Item = &Path> {
    let absent =
        |path: &Path| path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    let counts = move |declared: &&Declared| declared.required || !absent(&declared.path);
    declared.iter().filter(counts).map(|declared| declared.path.as_path())
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
