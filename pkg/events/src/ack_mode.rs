use serde::{Deserialize, Serialize};

/// How a subscription acknowledges events.
///
/// Either way an event is delivered at least once. The mode decides how many events are redelivered after a server was killed,
/// and whether a lost acknowledgement is noticed. It makes no difference on the in-memory bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AckMode {
    /// The server replies, and a drain waits for the reply. A missing reply is logged and counted. Concurrent acknowledgements
    /// share one reply.
    #[default]
    Confirmed,
    /// The server does not reply: an acknowledgement may be lost with its connection, and the event is delivered again.
    Plain,
}
