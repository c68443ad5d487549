//! The origin of a value.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::load::key;

/// Where a value came from. `Display` writes it the way a person looks for it: `config.toml:12`,
/// `APP_PORT in the environment`.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The defaults of the program.
    Default,
    /// A configuration file.
    File {
        /// The path as it was given to the loader.
        path: Arc<Path>,
        /// The line of the key, counted from 1.
        line: usize,
    },
    /// A file of a secrets directory.
    SecretFile {
        /// The path of the file.
        path: Arc<Path>,
    },
    /// A source of the application, such as a secret store.
    Source {
        /// The name the source gives itself.
        name: Arc<str>,
    },
    /// A line of a `.env` file.
    DotEnv {
        /// The path as it was given to the loader.
        path: Arc<Path>,
        /// The line of the variable, counted from 1.
        line: usize,
        /// The variable.
        variable: Arc<str>,
    },
    /// The environment of the process.
    Environment {
        /// The variable.
        variable: Arc<str>,
    },
    /// An override, usually of the command line.
    Override,
}

impl Origin {
    /// The variable, when the value came from one.
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::DotEnv { variable, .. } | Self::Environment { variable } => Some(variable),
            _ => None,
        }
    }

    /// Whether everything of this origin counts as a secret.
    pub const fn is_secret_store(&self) -> bool {
        matches!(self, Self::SecretFile { .. } | Self::Source { .. })
    }

    /// Whether the source knows text only, so that the receiving type says what it means.
    pub(crate) const fn is_text(&self) -> bool {
        !matches!(self, Self::Default | Self::File { .. })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::SecretFile { path } => write!(f, "{}", path.display()),
            Self::Source { name } => write!(f, "source {name}"),
            Self::DotEnv { path, line, variable } => {
                write!(f, "{} at {}:{line}", key::shortened(variable), path.display())
            }
            Self::Environment { variable } => write!(f, "{} in the environment", key::shortened(variable)),
            Self::Override => f.write_str("an override"),
        }
    }
}
