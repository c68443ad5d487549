use std::{fmt, str::FromStr};

use crate::{Level, shorten::shortened};

/// How much of a wrong rule is shown.
const SHOWN: usize = 128;

/// Which records are written: a level for all targets and exceptions for some.
///
/// The text form is that of `LOG_LEVEL`: `info,sqlx=warn,orders::payment=debug,noisy=off`. A rule matches its target and
/// the modules below it; the longest match decides. `-` and `_` in targets are the same.
///
/// Dependencies that tell every statement and every frame ([`LevelRules::QUIETED`]) stay at `warn` unless a rule
/// names them: `debug` alone means the service's own code.
///
/// # Examples
///
/// ```
/// use underpin_logger::{Level, LevelRules};
///
/// let rules: LevelRules = "info,sqlx=error,orders::payment=debug".parse()?;
/// assert!(rules.allow(Level::Info, "orders"));
/// assert!(!rules.allow(Level::Debug, "orders"));
/// assert!(rules.allow(Level::Debug, "orders::payment::card"));
/// assert!(!rules.allow(Level::Warn, "sqlx::query"));
/// assert!(!rules.allow(Level::Info, "async_nats"), "quiet unless named");
/// # Ok::<(), underpin_logger::LevelRulesError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelRules {
    text: String,
    default: Threshold,
    // Longest target first.
    targets: Vec<(String, Threshold)>,
}

/// The least severe level that is written; `None` is off.
pub(crate) type Threshold = Option<Level>;

impl LevelRules {
    /// The targets that are kept at `warn` unless a rule names them.
    pub const QUIETED: [&'static str; 9] = [
        "sqlx",
        "sea_orm",
        "sea_orm_migration",
        "async_nats",
        "hyper",
        "hyper_util",
        "h2",
        "rustls",
        "tower",
    ];

    /// The most rules of one text. A record is compared with each of them.
    pub const MAX_RULES: usize = 256;

    /// The same level for everything except the quieted dependencies.
    pub fn level(level: Level) -> Self {
        Self::build(level.as_str().to_owned(), Some(level), Vec::new())
    }

    /// Whether a record of this level and target is written.
    pub fn allow(&self, level: Level, target: &str) -> bool {
        self.threshold(target).is_some_and(|least| level >= least)
    }

    /// The least severe level that any rule lets through; `None` when all is off.
    pub(crate) fn most_verbose(&self) -> Threshold {
        let all = self.targets.iter().map(|(_, threshold)| *threshold).chain([self.default]);
        all.flatten().min()
    }

    /// The level for all targets that no rule names.
    pub(crate) const fn default_threshold(&self) -> Threshold {
        self.default
    }

    /// The targets that rules name.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().map(|(target, _)| target.as_str())
    }

    fn threshold(&self, target: &str) -> Threshold {
        let matching = |(prefix, _): &&(String, Threshold)| covers(prefix, target);
        self.targets.iter().find(matching).map_or(self.default, |(_, threshold)| *threshold)
    }

    fn build(text: String, default: Threshold, mut targets: Vec<(String, Threshold)>) -> Self {
        for quieted in Self::QUIETED {
            if !targets.iter().any(|(target, _)| target == quieted) {
                let threshold = default.map(|level| level.max(Level::Warn));
                targets.push((quieted.to_owned(), threshold));
            }
        }
        targets.sort_by_key(|(target, _)| std::cmp::Reverse(target.len()));
        Self { text, default, targets }
    }
}

/// Whether `target` is `prefix` or a module below it.
fn covers(prefix: &str, target: &str) -> bool {
    let (prefix, target) = (prefix.as_bytes(), target.as_bytes());
    let Some((head, rest)) = target.split_at_checked(prefix.len()) else { return false };
    let same = |(a, b): (&u8, &u8)| a == b || (*a == b'_' && *b == b'-');
    (rest.is_empty() || rest.starts_with(b"::") || rest.starts_with(b"."))
        && prefix.iter().zip(head).all(same)
}

impl Default for LevelRules {
    fn default() -> Self {
        Self::level(Level::Info)
    }
}

impl fmt::Display for LevelRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for LevelRules {
    type Err = LevelRulesError;

    fn from_str(text: &str) -> Result<Self, LevelRulesError> {
        let mut default = None;
        let mut targets: Vec<(String, Threshold)> = Vec::new();
        let rules = || text.split(',').map(str::trim).filter(|rule| !rule.is_empty());
        if rules().nth(Self::MAX_RULES).is_some() {
            return Err(LevelRulesError::TooMany);
        }
        for rule in rules() {
            let (target, level) = match rule.split_once('=') {
                Some((target, level)) => (Some(target.trim()), level.trim()),
                None => (None, rule),
            };
            let invalid = || LevelRulesError::Level { rule: shortened(rule, SHOWN).into_owned() };
            let threshold = if level.eq_ignore_ascii_case("off") {
                None
            } else {
                Some(level.parse().map_err(|_| invalid())?)
            };
            match target {
                None if default.is_some() => return Err(LevelRulesError::TwoDefaults),
                None => default = Some(threshold),
                Some("") => {
                    return Err(LevelRulesError::NoTarget { rule: shortened(rule, SHOWN).into_owned() });
                }
                Some(target) => {
                    let target = target.replace('-', "_");
                    targets.retain(|(known, _)| *known != target);
                    targets.push((target, threshold));
                }
            }
        }
        Ok(Self::build(text.trim().to_owned(), default.unwrap_or(Some(Level::Info)), targets))
    }
}

/// A text is not a set of level rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LevelRulesError {
    /// The level of a rule is unknown.
    #[error("log rule {rule:?} has no level out of trace, debug, info, warn, error, fatal and off")]
    Level {
        /// The rule, or the start of a long one.
        rule: String,
    },
    /// A rule has a level and no target before its `=`.
    #[error("log rule {rule:?} has no target before the equals sign")]
    NoTarget {
        /// The rule, or the start of a long one.
        rule: String,
    },
    /// Two rules without a target contradict each other.
    #[error("log rules give the default level twice")]
    TwoDefaults,
    /// There are more than [`LevelRules::MAX_RULES`].
    #[error("more than {} log rules", LevelRules::MAX_RULES)]
    TooMany,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> LevelRules {
        text.parse().unwrap()
    }

    #[test]
    fn the_longest_matching_target_decides() {
        let rules = rules("warn, orders=info, orders::payment=debug ,orders::payment::card=off");
        assert!(!rules.allow(Level::Info, "billing"));
        assert!(rules.allow(Level::Info, "orders"));
        assert!(rules.allow(Level::Debug, "orders::payment"));
        assert!(!rules.allow(Level::Fatal, "orders::payment::card::visa"));
        assert!(!rules.allow(Level::Info, "orders_archive"), "a module, not a prefix of its name");
    }

    #[test]
    fn hyphens_and_underscores_are_the_same_in_targets() {
        let rules = rules("error,my-crate=debug");
        assert!(rules.allow(Level::Debug, "my_crate::inner"));
        assert!(rules.allow(Level::Debug, "my-crate"));
    }

    #[test]
    fn noisy_dependencies_stay_at_warn_unless_named() {
        let quiet = rules("debug");
        assert!(quiet.allow(Level::Debug, "orders"));
        for target in ["sqlx::query", "sea_orm", "async_nats::connector"] {
            assert!(!quiet.allow(Level::Info, target), "{target}");
            assert!(quiet.allow(Level::Warn, target), "{target}");
        }
        assert!(rules("info,sqlx=debug").allow(Level::Debug, "sqlx::query"));
        assert!(!rules("error").allow(Level::Warn, "sqlx"), "never more than the default");
        assert!(!rules("off").allow(Level::Fatal, "sqlx"));
    }

    #[test]
    fn a_wrong_rule_is_named_and_an_empty_text_is_info() {
        assert_eq!(
            "info,sqlx=loud".parse::<LevelRules>(),
            Err(LevelRulesError::Level { rule: "sqlx=loud".into() })
        );
        assert_eq!("info,debug".parse::<LevelRules>(), Err(LevelRulesError::TwoDefaults));
        assert_eq!("=info".parse::<LevelRules>(), Err(LevelRulesError::NoTarget { rule: "=info".into() }));
        assert!(rules("").allow(Level::Info, "x") && !rules("").allow(Level::Debug, "x"));
        assert_eq!(rules(" info,sqlx=warn ").to_string(), "info,sqlx=warn");
        let many = |count: usize| (0..count).map(|n| format!("t{n}=info,")).collect::<String>();
        assert!(many(256).parse::<LevelRules>().is_ok());
        assert_eq!(many(1_000_000).parse::<LevelRules>(), Err(LevelRulesError::TooMany));
        assert!(
            format!("x={}", "y".repeat(1_000_000)).parse::<LevelRules>().unwrap_err().to_string().len() < 300
        );
    }
}
