use serde::{Deserialize, Serialize};

/// Which forms of an event a subscription takes for one. What it does not take becomes a dead letter.
///
/// Events in binary mode are read either way. The in-memory bus keeps events and no bytes, so it has nothing to choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Accept {
    /// CloudEvents 1.0 and nothing else.
    #[default]
    CloudEvents,
    /// Also the flat form that some services wrote before they adopted CloudEvents, with `timestamp` and `organization_id`:
    /// see [`Event::from_json_or_flat`](crate::Event::from_json_or_flat). For as long as a migration takes.
    CloudEventsOrFlat,
}
