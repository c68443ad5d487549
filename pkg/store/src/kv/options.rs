use std::time::Duration;

use crate::{KeyPattern, Revision};

/// What a write expects to find. It does nothing if it finds something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// Whatever is there.
    #[default]
    Anything,
    /// No value: never written, removed, or expired.
    Absent,
    /// The last write of the key has this revision, a removal counts; zero when there is none.
    Revision(Revision),
}

/// How long a value is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ttl {
    /// As long as the bucket keeps its entries.
    #[default]
    Bucket,
    /// This long after the write: at least a second, rounded up to whole seconds. Only in buckets with
    /// [`key_ttl`](crate::BucketSettings::key_ttl). Each write sets it again: a write with [`Ttl::Bucket`] ends it.
    After(Duration),
}

/// Who may answer a read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Read {
    /// The leader: every acknowledged write is seen.
    #[default]
    Latest,
    /// Any replica. It is faster, spreads load, and may be behind: do not base a decision on absence.
    Any,
}

/// What a watch delivers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WatchOptions {
    /// The keys; every key when empty. Patterns must not overlap.
    pub patterns: Vec<KeyPattern>,
    /// Where it begins.
    pub start: WatchStart,
    /// Whether it delivers removals.
    pub removals: Removals,
    /// Whether it delivers the values.
    pub values: Values,
}

impl WatchOptions {
    /// The keys of one pattern, from the current state on, removals and values included.
    pub fn new(pattern: KeyPattern) -> Self {
        Self { patterns: vec![pattern], ..Self::default() }
    }

    /// Every key.
    pub fn all() -> Self {
        Self::default()
    }

    /// Sets where it begins.
    #[must_use]
    pub fn start(mut self, start: WatchStart) -> Self {
        self.start = start;
        self
    }

    /// Leaves removals out.
    #[must_use]
    pub fn without_removals(mut self) -> Self {
        self.removals = Removals::Exclude;
        self
    }

    /// Leaves the values empty, to learn which keys changed.
    #[must_use]
    pub fn without_values(mut self) -> Self {
        self.values = Values::Exclude;
        self
    }
}

/// Where a watch begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WatchStart {
    /// With the last value of each key.
    #[default]
    Current,
    /// With the first write after the call.
    New,
    /// With the first write after this one, as far as the bucket has it still.
    After(Revision),
}

/// Whether a watch delivers removals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Removals {
    /// It does.
    #[default]
    Include,
    /// It does not.
    Exclude,
}

/// Whether a watch delivers values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Values {
    /// It does.
    #[default]
    Include,
    /// It does not.
    Exclude,
}
