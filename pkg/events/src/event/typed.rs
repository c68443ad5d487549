use serde::Serialize;
use serde::de::DeserializeOwned;

/// A payload with a type name: what a producer writes and a consumer decodes with the compiler's help.
///
/// # Examples
/// ```
/// use serde::{Deserialize, Serialize};
/// use underpin_events::{Event, TypedEvent};
///
/// #[derive(Serialize, Deserialize, PartialEq, Debug)]
/// struct OrderPlaced { id: u64, total_cents: u64 }
/// impl TypedEvent for OrderPlaced {
///     const TYPE: &'static str = "order.placed";
/// }
///
/// let placed = OrderPlaced { id: 42, total_cents: 700 };
/// let event = Event::typed("/orders", &placed).build()?;
/// assert_eq!(event.ty(), "order.placed");
/// assert_eq!(event.decode::<OrderPlaced>()?, placed);
/// # Ok::<(), underpin_events::InvalidEventError>(())
/// ```
pub trait TypedEvent: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The CloudEvents `type`. Version it (`order.placed.v2`) when old readers could not decode the new payload.
    const TYPE: &'static str;
    /// The CloudEvents `dataschema`, an absolute URI.
    const SCHEMA: Option<&'static str> = None;
}
