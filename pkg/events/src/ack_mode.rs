use serde::{Deserialize, Serialize};

/// How a subscription tells the bus that an event is done.
///
/// Either way an event is delivered at least once. The choice is how many come again after a server was killed, and
/// whether a lost acknowledgement is noticed. The in-memory bus confirms at once, whatever is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AckMode {
    /// The server answers; a drain waits for the answer, and one that fails to come is told. Acknowledgements that are
    /// under way together share one answer.
    #[default]
    Confirmed,
    /// Nobody answers: an acknowledgement may be lost with its connection, and the event comes again.
    Plain,
}
