use std::{fmt, str::FromStr};

/// The severity of a record, from [`Level::Trace`] to [`Level::Fatal`].
///
/// Levels are ordered: `Level::Error > Level::Info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Level {
    /// Every step, for the internals of a library.
    Trace = 1,
    /// Details for debugging.
    Debug = 2,
    /// What happened, once per unit of work.
    Info = 3,
    /// A fault that the service handles.
    Warn = 4,
    /// A unit of work failed.
    Error = 5,
    /// The process cannot go on.
    Fatal = 6,
}

impl Level {
    /// All levels, least severe first.
    pub const ALL: [Self; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// The name that appears in a record: `trace`, `debug`, `info`, `warn`, `error` or `fatal`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Reads a level name in any case; `warning` and `critical` are accepted too.
impl FromStr for Level {
    type Err = ParseLevelError;

    fn from_str(text: &str) -> Result<Self, ParseLevelError> {
        let known = |name: &str| text.eq_ignore_ascii_case(name);
        if known("warning") {
            return Ok(Self::Warn);
        }
        if known("critical") {
            return Ok(Self::Fatal);
        }
        Self::ALL.into_iter().find(|level| known(level.as_str())).ok_or(ParseLevelError)
    }
}

/// A text is not the name of a [`Level`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a log level; the levels are trace, debug, info, warn, error and fatal")]
#[non_exhaustive]
pub struct ParseLevelError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_by_severity_and_read_their_own_names() {
        assert!(Level::ALL.is_sorted());
        for level in Level::ALL {
            assert_eq!(level.as_str().to_uppercase().parse(), Ok(level));
        }
        assert_eq!("warning".parse(), Ok(Level::Warn));
        assert_eq!("verbose".parse::<Level>(), Err(ParseLevelError));
    }
}
