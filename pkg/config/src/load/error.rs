//! Every problem of a configuration, in one error.

use std::fmt;

use crate::{Issue, IssueKind};

/// So many issues are printed; [`ConfigError::issues`] has all of them.
const MAX_SHOWN: usize = 100;

/// Every problem of a configuration, found in one run.
///
/// `Display` prints one issue per line, at most 100. Neither it nor `Debug` shows a value.
///
/// # Examples
/// ```
/// use underpin_config::Loader;
///
/// #[derive(Debug, serde::Deserialize)]
/// struct Settings { port: u16, name: String }
/// impl underpin_config::Validate for Settings {}
///
/// let error = Loader::new("APP").environment([("APP_PORT", "http")]).load::<Settings>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the configuration has 2 problems\n\
///      - `name` is missing (environment variable APP_NAME)\n\
///      - `port` must be an integer from 0 to 65535 (APP_PORT in the environment)"
/// );
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError(Box<[Issue]>);

impl ConfigError {
    /// `None` when there is nothing to report.
    pub(crate) fn of(mut issues: Vec<Issue>) -> Option<Self> {
        issues.sort_by(|a, b| a.key().cmp(b.key()));
        issues.dedup();
        (!issues.is_empty()).then(|| Self(issues.into()))
    }

    /// The value, unless there is an issue.
    pub(crate) fn clean<T>(value: Option<T>, issues: Vec<Issue>) -> Result<T, Self> {
        match (value, Self::of(issues)) {
            (Some(value), None) => Ok(value),
            (_, Some(error)) => Err(error),
            (None, None) => {
                let message = "the settings cannot be decoded, and no key can be named";
                Err(Self::one(Issue::new(IssueKind::WrongType, "", message)))
            }
        }
    }

    pub(crate) fn one(issue: Issue) -> Self {
        Self(Box::new([issue]))
    }

    /// Every problem, sorted by key; at least one.
    pub fn issues(&self) -> &[Issue] {
        &self.0
    }

    /// Whether every problem is a key that is set nowhere.
    pub fn is_missing(&self) -> bool {
        self.0.iter().all(|issue| issue.kind() == IssueKind::Missing)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_ref() {
            [only] => write!(f, "the configuration has a problem: {only}"),
            issues => {
                write!(f, "the configuration has {} problems", issues.len())?;
                issues.iter().take(MAX_SHOWN).try_for_each(|issue| write!(f, "\n- {issue}"))?;
                match issues.len().saturating_sub(MAX_SHOWN) {
                    0 => Ok(()),
                    more => write!(f, "\n- and {more} more"),
                }
            }
        }
    }
}

/// As `Display`: the issues hold no value, and this is what `fn main() -> Result<(), ConfigError>` prints.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigError {}

/// A configuration that cannot be read is a server fault, not a client error.
impl underpin_errors::Classify for ConfigError {
    fn kind(&self) -> underpin_errors::Kind {
        underpin_errors::Kind::Internal
    }
}
