//! The event that every measurement uses: some 340 bytes as structured JSON.

use serde::{Deserialize, Serialize};
use underpin_events::Event;

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Placed {
    customer: String,
    items: Vec<Item>,
    total_cents: u64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Item {
    sku: String,
    quantity: u32,
    unit_price_cents: u64,
}

pub(crate) fn placed() -> Placed {
    let item = |sku: &str| Item { sku: sku.to_owned(), quantity: 2, unit_price_cents: 350 };
    Placed {
        customer: "ada".to_owned(),
        items: vec![item("tea"), item("coffee"), item("sugar")],
        total_cents: 2100,
    }
}

pub(crate) fn event(id: u64) -> Event {
    let built =
        Event::builder("order.placed", "/orders").id(id.to_string()).subject("o-1").json(&placed()).build();
    built.unwrap_or_else(|error| unreachable!("the event is valid: {error}"))
}
