//! `product.changed`: committed with each change, and the reason for the caches to forget the product.

use serde::{Deserialize, Serialize};
use underpin_events::{Delivery, Event, InvalidEventError, Outcome, SubscribeOptions, TypedEvent};
use underpin_logger::Context;
use uuid::Uuid;

use crate::{Action, AuditEntry, ProductCache};

/// A product was created, updated or deleted. Readers that want more than the version ask for the product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProductChanged {
    product_id: Uuid,
    version: i64,
    action: Action,
}

impl TypedEvent for ProductChanged {
    const TYPE: &'static str = "product.changed";
}

impl ProductChanged {
    /// The event of an entry of the audit trail.
    ///
    /// # Errors
    /// None that an entry can cause; the event is checked against CloudEvents all the same.
    pub(crate) fn event(entry: &AuditEntry, ctx: &Context) -> Result<Event, InvalidEventError> {
        let AuditEntry { action, product, at, .. } = entry;
        let payload = Self { product_id: product.id, version: product.version, action: *action };
        Event::typed("/catalog", &payload).subject(product.id.to_string()).time(*at).caused_by(ctx).build()
    }
}

/// The subscription. Processes share its durable name: one of them invalidates for all.
pub(crate) fn options() -> SubscribeOptions {
    SubscribeOptions::new("cache").types([ProductChanged::TYPE]).concurrency(8).max_attempts(1000)
}

/// Invalidates again what the writer has invalidated, unless it died or its caller hung up after the commit, or Valkey was away.
pub(crate) async fn invalidate(cache: ProductCache, delivery: Delivery) -> Outcome {
    let changed = match delivery.event().decode::<ProductChanged>() {
        Ok(changed) => changed,
        Err(error) => return Outcome::dead_letter(error.to_string()),
    };
    match cache.invalidate(changed.product_id).await {
        Ok(()) => Outcome::ack(),
        Err(error) => Outcome::retry(error.report().to_string()),
    }
}
