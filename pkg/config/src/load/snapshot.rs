//! An immutable configuration.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;

use crate::load::decode::{self, Outcome};
use crate::load::differences::differences;
use crate::load::key;
use crate::load::merge::Merged;
use crate::load::report::Reporting;
use crate::load::source::variables::Names;
use crate::{Checks, Config, ConfigError, Issue, Origin, Validate, Value};

/// The configuration at one moment: merged, immutable, and cheap to clone.
///
/// `Debug` shows how many keys there are and nothing else; [`explain`](Self::explain) shows the keys with secrets masked.
#[derive(Clone)]
pub struct Snapshot(Arc<SnapshotData>);

struct SnapshotData {
    root: Value,
    origins: HashMap<String, Origin>,
    names: Names,
    warnings: Vec<Issue>,
    is_incomplete: bool,
    /// Keys that a decoded type keeps in a [`Secret`](crate::Secret), or whose type could not be seen.
    masked: Mutex<BTreeSet<String>>,
}

impl Snapshot {
    pub(crate) fn new(merged: Merged, names: Names) -> (Self, Vec<Issue>) {
        let Merged { root, origins, issues, warnings, is_incomplete } = merged;
        (
            Self(Arc::new(SnapshotData {
                root,
                origins,
                names,
                warnings,
                is_incomplete,
                masked: Mutex::default(),
            })),
            issues,
        )
    }

    /// Decodes the whole configuration into a settings type.
    ///
    /// Keys that the type does not have are errors, whether or not it says `deny_unknown_fields`.
    ///
    /// # Errors
    /// Every missing key, wrong type and unknown key, in one error.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        let outcome = self.outcome::<T>();
        let issues = self.report(&outcome);
        ConfigError::clean(outcome.value, issues)
    }

    /// Decodes the whole configuration into a settings type and runs its checks.
    ///
    /// # Errors
    /// Every missing key, wrong type, unknown key and failed check, in one error.
    pub fn decode_valid<T: DeserializeOwned + Validate>(&self) -> Result<T, ConfigError> {
        self.decode_beside(Vec::new())
    }

    /// The same, reported together with the problems of the sources.
    pub(crate) fn decode_beside<T: DeserializeOwned + Validate>(
        &self,
        mut issues: Vec<Issue>,
    ) -> Result<T, ConfigError> {
        let outcome = self.outcome::<T>();
        issues.extend(self.report(&outcome));
        if let Some(value) = &outcome.value {
            let high = outcome.high.as_ref().map(Checks::of);
            let failed = Checks::of(value);
            issues.extend(self.reporting().checks(failed.failures(), high.as_ref(), &outcome.problems));
        }
        ConfigError::clean(outcome.value, issues)
    }

    /// Every key with its value and origin, for people. Masked are: values of a secret store, values that a decoded type keeps in
    /// a [`Secret`](crate::Secret), keys named like a secret (`password`, `token`, `api_key`), and URLs with a password.
    ///
    /// Values whose type is hidden are masked as well: those below `#[serde(flatten)]` and in tagged and untagged enums (serde
    /// buffers them), unknown keys, and text with a problem in one of its parts.
    pub fn explain(&self) -> crate::Explanation {
        crate::Explanation::new(&self.0.root, &self.0.origins, &self.masked())
    }

    /// As [`explain`](Self::explain), for a type that has not been decoded from this snapshot: its
    /// [`Secret`](crate::Secret)s are masked, also when the configuration has problems.
    pub fn explain_as<T: DeserializeOwned>(&self) -> crate::Explanation {
        drop(self.outcome::<T>());
        self.explain()
    }

    /// Problems of the sources that do not concern the program, each with its file and line: malformed lines of a `.env` file whose
    /// variables are not read.
    pub fn warnings(&self) -> &[Issue] {
        &self.0.warnings
    }

    /// Whether the values are the same, wherever they come from.
    pub(crate) fn says_the_same_as(&self, other: &Self) -> bool {
        self.0.root == other.0.root
    }

    /// The keys whose values differ from those of `before`.
    pub(crate) fn differences(&self, before: &Self) -> Vec<String> {
        differences(&before.0.root, &self.0.root)
    }

    fn outcome<T: DeserializeOwned>(&self) -> Outcome<T> {
        let outcome = decode::decode(&self.0.root);
        let masked = outcome.secrets.iter().chain(&outcome.doubtful).cloned();
        self.0.masked.lock().unwrap_or_else(PoisonError::into_inner).extend(masked);
        outcome
    }

    fn masked(&self) -> BTreeSet<String> {
        self.0.masked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn report<T>(&self, outcome: &Outcome<T>) -> Vec<Issue> {
        self.reporting().outcome(outcome)
    }

    fn reporting(&self) -> Reporting<'_, Self> {
        Reporting { root: &self.0.root, above: "", config: self, hides_missing: self.0.is_incomplete }
    }
}

impl Config for Snapshot {
    fn value(&self, key: &str) -> Option<Value> {
        self.0.root.at(key).cloned()
    }

    fn origin(&self, key: &str) -> Option<Origin> {
        self.0.origins.get(key).cloned()
    }

    fn variables(&self, key: &str) -> Vec<String> {
        self.0.names.of(&key::segments(key).collect::<Vec<_>>())
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("keys", &self.0.origins.len()).finish_non_exhaustive()
    }
}
