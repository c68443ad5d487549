//! Reads the sources of a loader as layers, in their order.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::layer::Layer;
use super::loader::{Declared, Loader, Override};
use super::merge::merge;
use super::profile;
use super::source::dotenv::{self, Assignment, Dotenv, MalformedLine};
use super::source::dynamic::{self, Fetched};
use super::source::text_file::unreadable;
use super::source::{defaults, secrets_dir, toml};
use crate::{ConfigError, Issue, IssueKind, Origin, Snapshot, Validate};

impl Loader {
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
    /// A dropped call keeps no state.
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
    /// A dropped call keeps no state.
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
        let dotenvs: Vec<(&Path, Vec<Assignment>)> =
            present(&self.dotenvs).map(|path| (path, self.assignments(path, &mut first))).collect();

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
        let (snapshot, issues) = Snapshot::new(merge(layers), self.names.clone());
        if let Some(notice) = &self.on_warning {
            snapshot.warnings().iter().for_each(|warning| notice(warning));
        }
        (snapshot, issues)
    }

    /// The assignments of a `.env` file. A malformed line is a problem, or a warning when its variable is not read.
    fn assignments(&self, path: &Path, layer: &mut Layer) -> Vec<Assignment> {
        let Dotenv { assignments, malformed } = dotenv::read(path).unwrap_or_else(|message| {
            layer.issues.push(unreadable(path, message));
            layer.is_incomplete = true;
            Dotenv::default()
        });
        for MalformedLine { name, message, line } in malformed {
            let issue = Issue::new(IssueKind::Syntax, "", message).in_file(path, Some(line));
            if name.is_some_and(|name| !self.names.reads(&name)) {
                layer.warnings.push(issue);
            } else {
                layer.issues.push(issue);
                layer.is_incomplete = true;
            }
        }
        assignments
    }

    /// The variables that are read, sorted by name. One that is no UTF-8, or is set twice, is a problem.
    fn variables_of_process(&self, issues: &mut Vec<Issue>) -> BTreeMap<String, String> {
        let variables = self.environment.clone().unwrap_or_else(|| std::env::vars_os().collect());
        let mut readable = BTreeMap::new();
        for (name, value) in variables {
            let Ok(name) = name.into_string() else { continue };
            if !self.names.reads(&name) {
                continue;
            }
            match value.into_string() {
                Ok(value) => {
                    let origin = Origin::Environment { variable: name.as_str().into() };
                    if readable.insert(name, value).is_some() {
                        let issue = Issue::new(IssueKind::Conflict, "", "the variable is set twice");
                        issues.push(issue.with_origin(Some(origin)));
                    }
                }
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
