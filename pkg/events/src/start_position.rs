use serde::{Deserialize, Serialize};

/// Where a new subscription begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StartPosition {
    /// With the oldest event that the bus still has.
    #[default]
    Oldest,
    /// With the next event that is published.
    Next,
    /// With the event at this position of the stream.
    Sequence(u64),
}
