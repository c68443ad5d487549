use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate};

use crate::Sampling;

/// What is left out of what repeats; see [`Sampling`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SamplingSettings {
    /// How many records of one message are all written each second; all of them where this is not set. At least 1 where
    /// `then_every` is 0.
    pub first: Option<u32>,
    /// After the first: each how-many-th record is written; 0 for none.
    pub then_every: u32,
    /// The most records a second in all, of those that may be left out; no limit where this is not set. At least 1.
    pub at_most: Option<u32>,
}

impl SamplingSettings {
    /// The sampling that these settings ask for; `None` keeps every record.
    pub fn sampling(&self) -> Option<Sampling> {
        let of_one = Sampling::new().first(self.first.unwrap_or(u32::MAX)).then_every(self.then_every);
        match self.at_most {
            Some(limit) => Some(of_one.at_most(limit)),
            None => self.first.map(|_| of_one),
        }
    }

    /// Sets `first`.
    #[must_use]
    pub fn first(mut self, count: impl Into<Option<u32>>) -> Self {
        self.first = count.into();
        self
    }

    /// Sets `then_every`.
    #[must_use]
    pub const fn then_every(mut self, nth: u32) -> Self {
        self.then_every = nth;
        self
    }

    /// Sets `at_most`.
    #[must_use]
    pub fn at_most(mut self, per_second: impl Into<Option<u32>>) -> Self {
        self.at_most = per_second.into();
        self
    }
}

impl Default for SamplingSettings {
    fn default() -> Self {
        Self { first: None, then_every: Sampling::EVERY, at_most: None }
    }
}

impl Validate for SamplingSettings {
    // What leaves out every record below error is a mistake: the level rules do that, and say so.
    fn validate(&self, checks: &mut Checks) {
        let some = self.first != Some(0) || self.then_every > 0;
        checks.ensure(some, "first", "must be at least 1 where `then_every` is 0");
        checks.ensure(self.at_most != Some(0), "at_most", "must be at least 1");
    }
}
