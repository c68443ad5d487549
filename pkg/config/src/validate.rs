//! Checks of a settings type beyond its types.

use std::fmt;
use std::ops::RangeBounds;
use std::time::Duration;

/// Checks that the types alone cannot express: ranges, pairs that exclude each other, sums.
///
/// Messages are constants, so that a check can never print a value.
///
/// # Examples
/// ```
/// use underpin_config::{Checks, Validate};
///
/// struct PoolSettings { min: u32, max: u32 }
/// struct Settings { pool: PoolSettings }
///
/// impl Validate for PoolSettings {
///     fn validate(&self, checks: &mut Checks) {
///         checks.ensure(self.max > 0, "max", "must be at least 1");
///         checks.ensure(self.min <= self.max, "min", "must not exceed `max`");
///     }
/// }
///
/// impl Validate for Settings {
///     fn validate(&self, checks: &mut Checks) {
///         checks.nested("pool", &self.pool);
///     }
/// }
///
/// let checks = Checks::of(&Settings { pool: PoolSettings { min: 1, max: 0 } });
/// let failed: Vec<String> = checks.failures().iter().map(ToString::to_string).collect();
/// assert_eq!(failed, ["`pool.max` must be at least 1", "`pool.min` must not exceed `max`"]);
/// ```
pub trait Validate {
    /// Adds every failed check to `checks`. The default finds nothing wrong.
    fn validate(&self, checks: &mut Checks) {
        let _ = checks;
    }

    /// The keys whose changes apply without a restart, such as `"log.level"`; a key covers what lies below it.
    ///
    /// A reload of live settings reports other keys that changed as such that need a restart. List a key where every reader asks
    /// the live settings each time, or subscribes to them.
    fn live_keys(&self) -> &'static [&'static str] {
        &[]
    }
}

const _: fn(&dyn Validate) = |_| ();

/// Collects failed checks, each under the key it belongs to.
#[derive(Debug, Default)]
pub struct Checks {
    prefix: Vec<String>,
    failures: Vec<FailedCheck>,
}

impl Checks {
    /// Runs the checks of a value.
    pub fn of<V: Validate + ?Sized>(value: &V) -> Self {
        let mut checks = Self::default();
        value.validate(&mut checks);
        checks
    }

    /// Notes a failure under `key` (relative to the type that is being validated) unless `holds`.
    pub fn ensure(&mut self, holds: bool, key: &str, message: &'static str) {
        if !holds {
            self.fail(key, message);
        }
    }

    /// Notes a failure under `key` unless the value is in the range. The message states the bounds: "must be from 1 to 1000".
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use underpin_config::Checks;
    ///
    /// let mut checks = Checks::default();
    /// checks.within("workers", &0, 1..=64, "must be from 1 to 64");
    /// checks.within("idle", &Duration::from_secs(5), Duration::from_millis(1).., "must be at least 1ms");
    /// assert_eq!(checks.failures()[0].to_string(), "`workers` must be from 1 to 64");
    /// assert_eq!(checks.failures().len(), 1);
    /// ```
    pub fn within<T: PartialOrd>(
        &mut self,
        key: &str,
        value: &T,
        range: impl RangeBounds<T>,
        message: &'static str,
    ) {
        self.ensure(range.contains(value), key, message);
    }

    /// Notes a failure under `key` unless something can wait that long: longer than 0, and at most 100 years
    /// ([`duration::MAX`](crate::duration::MAX)). A longer time overflows when it is added to a moment.
    pub fn wait(&mut self, key: &str, duration: Duration) {
        let range = Duration::from_nanos(1)..=crate::duration::MAX;
        self.within(key, &duration, range, "must be longer than 0 and at most 36500d");
    }

    /// Notes a failure under `key`.
    pub fn fail(&mut self, key: &str, message: &'static str) {
        let mut path = self.prefix.clone();
        path.extend(key.split('.').filter(|segment| !segment.is_empty()).map(str::to_owned));
        self.failures.push(FailedCheck { key: path.join("."), message });
    }

    /// Runs the checks of a nested block under its key.
    pub fn nested<V: Validate + ?Sized>(&mut self, key: &str, value: &V) {
        self.prefix.push(key.to_owned());
        value.validate(self);
        self.prefix.pop();
    }

    /// Runs the checks of each item of a list under `key.0`, `key.1` and so on.
    pub fn each<'a, V: Validate + 'a>(&mut self, key: &str, values: impl IntoIterator<Item = &'a V>) {
        for (index, value) in values.into_iter().enumerate() {
            self.nested(&format!("{key}.{index}"), value);
        }
    }

    /// What failed, in the order of the checks.
    pub fn failures(&self) -> &[FailedCheck] {
        &self.failures
    }
}

/// One failed check.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FailedCheck {
    key: String,
    message: &'static str,
}

impl FailedCheck {
    /// The key, dotted from the type whose checks ran; empty when the check belongs to the whole.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong, to be read after the key: "must be at least 1".
    pub const fn message(&self) -> &'static str {
        self.message
    }
}

impl fmt::Display for FailedCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            f.write_str(self.message)
        } else {
            write!(f, "`{}` {}", self.key, self.message)
        }
    }
}

impl<V: Validate> Validate for Option<V> {
    fn validate(&self, checks: &mut Checks) {
        if let Some(value) = self {
            value.validate(checks);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Port(u16);

    impl Validate for Port {
        fn validate(&self, checks: &mut Checks) {
            checks.ensure(self.0 != 0, "number", "must not be 0");
        }
    }

    #[test]
    fn lists_and_options_carry_their_key() {
        let mut checks = Checks::default();
        checks.each("ports", &[Port(1), Port(0)]);
        checks.nested("admin", &Some(Port(0)));
        checks.nested("spare", &None::<Port>);
        let keys: Vec<&str> = checks.failures().iter().map(FailedCheck::key).collect();
        assert_eq!(keys, ["ports.1.number", "admin.number"]);
    }

    #[test]
    fn a_wait_is_neither_zero_nor_endless() {
        let mut checks = Checks::default();
        for (key, duration) in [
            ("zero", Duration::ZERO),
            ("short", Duration::from_nanos(1)),
            ("long", crate::duration::MAX),
            ("longer", crate::duration::MAX + Duration::from_nanos(1)),
            ("endless", Duration::MAX),
        ] {
            checks.wait(key, duration);
        }
        let keys: Vec<&str> = checks.failures().iter().map(FailedCheck::key).collect();
        assert_eq!(keys, ["zero", "longer", "endless"]);
        let now = (std::time::Instant::now(), std::time::SystemTime::now());
        assert!(
            now.0.checked_add(crate::duration::MAX).is_some()
                && now.1.checked_add(crate::duration::MAX).is_some()
        );
        assert!(i64::try_from(crate::duration::MAX.as_nanos()).is_ok());
    }
}
