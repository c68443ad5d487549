use serde::{Deserialize, Serialize};

/// Which forms of an event a subscription reads. A message in another form is dead-lettered.
///
/// Messages that name a CloudEvents mode in their headers are read in that mode. The in-memory bus stores events, not
/// messages, so that it makes no difference there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[cfg_attr(not(feature = "flat"), allow(unreachable_pub, reason = "public with the feature `flat`"))]
pub enum Accept {
    /// CloudEvents 1.0 and nothing else.
    #[default]
    CloudEvents,
    #[cfg(feature = "flat")]
    /// Also the flat form that some services wrote before they adopted CloudEvents, with `timestamp` and `organization_id`:
    /// see [`Event::from_json_or_flat`](crate::Event::from_json_or_flat). For as long as a migration takes.
    CloudEventsOrFlat,
}
