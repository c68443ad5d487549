//! The order.

mod draft;

use serde::{Deserialize, Serialize, Serializer};
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

pub(crate) use draft::{CUSTOMER_LENGTH, OrderDraft};

/// An order as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Order {
    pub(crate) id: Uuid,
    pub(crate) customer: String,
    pub(crate) items: Vec<Item>,
    pub(crate) total_cents: i64,
    pub(crate) status: Status,
    #[serde(serialize_with = "rfc3339")]
    pub(crate) placed_at: OffsetDateTime,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) sku: String,
    pub(crate) quantity: i64,
    pub(crate) unit_price_cents: i64,
}

/// How far an order has come. This service only ever places orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sea_orm::EnumIter, sea_orm::DeriveActiveEnum)]
#[serde(rename_all = "snake_case")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub(crate) enum Status {
    Placed,
}

impl Order {
    /// Places a draft now.
    ///
    /// The id is a UUID of version 7 and `placed_at` is the time inside it, so that the order of ids is the order of time.
    pub(crate) fn place(draft: OrderDraft) -> Self {
        let id = Uuid::now_v7();
        Self {
            id,
            customer: draft.customer,
            items: draft.items,
            total_cents: draft.total_cents,
            status: Status::Placed,
            placed_at: time_of(id),
        }
    }

    /// Whether `draft` asks for the same thing: what makes a repeated request a repeat and not another order.
    pub(crate) fn is_for(&self, draft: &OrderDraft) -> bool {
        self.customer == draft.customer && self.items == draft.items
    }
}

/// RFC 3339 in UTC, always with three digits of a second, so that times sort as text too.
fn rfc3339<S: Serializer>(time: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    let utc = time.to_offset(UtcOffset::UTC);
    let (hour, minute, second, milli) = utc.to_hms_milli();
    serializer.collect_str(&format_args!("{}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z", utc.date()))
}

fn time_of(id: Uuid) -> OffsetDateTime {
    let (seconds, nanos) = id.get_timestamp().map_or((0, 0), |timestamp| timestamp.to_unix());
    let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_order_is_shown_as_documented() {
        let body =
            json!({"customer": "ada", "items": [{"sku": "tea", "quantity": 2, "unit_price_cents": 350}]});
        let draft = OrderDraft::from_json(&body).unwrap();
        let order = Order::place(draft.clone());
        assert!(order.is_for(&draft));
        assert!((OffsetDateTime::now_utc() - order.placed_at).abs() < time::Duration::seconds(5));
        let shown = serde_json::to_value(&order).unwrap();
        assert_eq!(
            shown,
            json!({
                "id": order.id, "customer": "ada",
                "items": [{"sku": "tea", "quantity": 2, "unit_price_cents": 350}],
                "total_cents": 700, "status": "placed", "placed_at": shown["placed_at"],
            })
        );
    }

    #[test]
    fn times_have_a_fixed_width() {
        let mut order =
            Order::place(OrderDraft { customer: "ada".to_owned(), items: Vec::new(), total_cents: 0 });
        order.placed_at = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        assert_eq!(serde_json::to_value(&order).unwrap()["placed_at"], "2027-01-15T08:00:00.000Z");
    }

    #[test]
    fn ids_of_one_process_sort_by_time() {
        let draft = OrderDraft { customer: "ada".to_owned(), items: Vec::new(), total_cents: 0 };
        let orders: Vec<Order> = (0..1000).map(|_| Order::place(draft.clone())).collect();
        assert!(orders.is_sorted_by(|a, b| a.id < b.id && a.placed_at <= b.placed_at));
    }
}
