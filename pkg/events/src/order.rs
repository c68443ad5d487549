use serde::{Deserialize, Serialize};

/// What order a subscription keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Order {
    /// None: the fastest, and a failing event delays no other.
    #[default]
    None,
    /// Events with the same [`Event::ordering_key`](crate::Event::ordering_key) one after the other, in the order of the
    /// stream. A failing event delays the later events of its worker queue, until it is acknowledged or dead-lettered. Holds
    /// within one process: processes that share a name share the events without regard to keys. After a connection or a process
    /// was lost, delivery waits for the events that it held, up to [`ack_wait`](crate::SubscribeOptions::ack_wait) and some seconds.
    PerKey,
    /// All events one after the other, over all processes that share the name.
    Strict,
}
