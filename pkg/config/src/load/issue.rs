//! One problem of a configuration.

use std::fmt;
use std::path::PathBuf;

use crate::Origin;
use crate::load::key;

/// One problem: the key, the environment variables that set it, the origin of the value, and a message.
///
/// No part of an issue holds a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    kind: IssueKind,
    key: String,
    message: String,
    variables: Vec<String>,
    origin: Option<Origin>,
    place: Option<Place>,
}

/// The class of an [`Issue`].
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IssueKind {
    /// A required key is set nowhere.
    Missing,
    /// A value does not fit the type that receives it.
    WrongType,
    /// A key that the settings do not have.
    Unknown,
    /// A value failed a check of [`Validate`](crate::Validate).
    Invalid,
    /// A source cannot be understood.
    Syntax,
    /// A source cannot be read.
    Unreadable,
    /// Two sources contradict each other.
    Conflict,
}

/// A file, and a line of it where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    path: PathBuf,
    line: Option<usize>,
}

impl Issue {
    pub(crate) fn new(kind: IssueKind, key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            key: key.into(),
            message: message.into(),
            variables: Vec::new(),
            origin: None,
            place: None,
        }
    }

    pub(crate) fn set_by(mut self, variables: Vec<String>) -> Self {
        self.variables = variables;
        self
    }

    pub(crate) fn with_origin(mut self, origin: Option<Origin>) -> Self {
        self.origin = origin;
        self
    }

    pub(crate) fn in_file(mut self, path: impl Into<PathBuf>, line: Option<usize>) -> Self {
        self.place = Some(Place { path: path.into(), line });
        self
    }

    /// The class of the problem.
    pub const fn kind(&self) -> IssueKind {
        self.kind
    }

    /// The dotted key; empty when the problem belongs to a whole source.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong, to be read after the key.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The environment variables that set the key, the usual one first; none when no variable can.
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// Where the value came from; for a missing key, where the block around it came from.
    pub const fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }
}

/// `` `server.port` must be an integer from 0 to 65535, not text (config.toml:3; environment variable APP_SERVER__PORT) ``
impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}", place.path.display())?;
            match place.line {
                Some(line) => write!(f, ":{line}: ")?,
                None => f.write_str(": ")?,
            }
        }
        if !self.key.is_empty() {
            write!(f, "`{}` ", key::shortened(&self.key))?;
        }
        f.write_str(&self.message)?;
        let named_by_origin = self.origin.as_ref().and_then(Origin::variable);
        let variables = match named_by_origin {
            Some(_) => String::new(),
            None => {
                let names = self.variables.iter().map(|name| key::shortened(name));
                names.collect::<Vec<_>>().join(" or ")
            }
        };
        match (&self.origin, variables.as_str()) {
            (Some(origin), "") => write!(f, " ({origin})"),
            (Some(origin), variables) => write!(f, " ({origin}; environment variable {variables})"),
            (None, "") => Ok(()),
            (None, variables) => write!(f, " (environment variable {variables})"),
        }
    }
}
