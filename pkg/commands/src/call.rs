use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use underpin_errors::{Error, Kind};

/// What an operator typed after the name of the command: an action and its arguments.
///
/// # Examples
/// ```
/// use underpin_commands::CommandCall;
///
/// let call = CommandCall::new("replay").with("ID", "7");
/// assert_eq!((call.action(), call.number::<u64>("ID")?), ("replay", Some(7)));
/// assert!(call.with("ID", "seven").number::<u64>("ID").is_err());
/// # Ok::<(), underpin_errors::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandCall {
    action: String,
    #[serde(default)]
    values: BTreeMap<String, String>,
}

impl CommandCall {
    /// A call of this action; empty for a command without actions.
    pub fn new(action: impl Into<String>) -> Self {
        Self { action: action.into(), values: BTreeMap::new() }
    }

    /// Sets an argument.
    #[must_use]
    pub fn with(mut self, argument: impl Into<String>, value: impl Into<String>) -> Self {
        self.values.insert(argument.into(), value.into());
        self
    }

    /// The action, such as `"replay"`; empty for a command without actions.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The value of an argument, if it was given.
    pub fn text(&self, argument: &str) -> Option<&str> {
        self.values.get(argument).map(String::as_str)
    }

    /// The value of an argument, if it was given, as a number or anything else that is read from text.
    ///
    /// # Errors
    /// The text is not one; kind `InvalidArgument`.
    pub fn number<T: FromStr<Err: Display>>(&self, argument: &str) -> Result<Option<T>, Error> {
        let Some(text) = self.text(argument) else { return Ok(None) };
        let refuse = |problem| Error::new(Kind::InvalidArgument, format!("{argument}: {problem}"));
        text.parse().map(Some).map_err(refuse)
    }

    /// As [`number`](Self::number), for an argument that the command cannot do without.
    ///
    /// # Errors
    /// It is missing, or the text is not one; kind `InvalidArgument`.
    pub fn required<T: FromStr<Err: Display>>(&self, argument: &str) -> Result<T, Error> {
        let missing = || Error::new(Kind::InvalidArgument, format!("{argument} is missing"));
        self.number(argument)?.ok_or_else(missing)
    }
}
