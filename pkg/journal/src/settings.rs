use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate, setters};

/// Where a journal is kept, and when a record counts as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct JournalSettings {
    /// The file. It is created if it is missing, its folder is not. One process at a time can open it.
    pub path: PathBuf,
    /// When a record counts as stored.
    pub sync: JournalSync,
}

/// When a record counts as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JournalSync {
    /// Once the operating system has it. It survives the end of the process, also by `kill -9`, but not a power failure.
    #[default]
    System,
    /// Once it is on the disk. Callers that wait at the same time share one `fsync`.
    Always,
}

impl JournalSettings {
    /// A journal in this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    setters! {
        /// Sets the file.
        path: impl Into<PathBuf> => path.into();
        /// Sets when a record counts as stored.
        sync: JournalSync => sync;
    }
}

impl Validate for JournalSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(!self.path.as_os_str().is_empty(), "path", "must name a file");
    }
}
