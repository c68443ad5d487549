//! The events of this service.

use serde::{Deserialize, Serialize};
use underpin_events::{Event, InvalidEventError, TypedEvent};
use underpin_logger::Context;
use uuid::Uuid;

use crate::order::Order;

/// An order was placed. One event an order; its `subject` is the order's id, its `time` the moment of placing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrderPlaced {
    pub(crate) order_id: Uuid,
    pub(crate) customer: String,
    pub(crate) total_cents: i64,
}

impl TypedEvent for OrderPlaced {
    const TYPE: &'static str = "order.placed";
}

impl OrderPlaced {
    /// The event of an order, carrying the request id and the trace of `ctx`.
    ///
    /// # Errors
    /// None that a valid order can cause; the event is checked against CloudEvents all the same.
    pub(crate) fn event(order: &Order, ctx: &Context) -> Result<Event, InvalidEventError> {
        let payload =
            Self { order_id: order.id, customer: order.customer.clone(), total_cents: order.total_cents };
        Event::typed("/orders", &payload)
            .subject(order.id.to_string())
            .time(order.placed_at)
            .caused_by(ctx)
            .build()
    }
}
