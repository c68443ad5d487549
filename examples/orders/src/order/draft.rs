use std::ops::RangeInclusive;

use serde_json::Value;
use underpin_errors::Error;
use underpin_errors::input::{self, Fields, integer, text};

use super::Item;

/// How many characters a customer's name has.
pub(crate) const CUSTOMER_LENGTH: RangeInclusive<usize> = 1..=100;

/// The largest order: ten billion of the main unit. Far below 2^53, so that no JSON reader rounds it, and so far below 2^63
/// that the projection's sum cannot overflow before nine million such orders.
const MOST_CENTS: i64 = 1_000_000_000_000;

/// A validated request for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderDraft {
    pub(crate) customer: String,
    pub(crate) items: Vec<Item>,
    pub(crate) total_cents: i64,
}

impl OrderDraft {
    /// Reads the body of `POST /orders`.
    ///
    /// # Errors
    /// 400 `INVALID_ORDER` that names every wrong field.
    pub(crate) fn from_json(body: &Value) -> Result<Self, Error> {
        input::json(body, Self::read).map_err(|violations| {
            Error::bad_request("the order is not valid").code("INVALID_ORDER").with_violations(violations)
        })
    }

    fn read(order: &mut Fields<'_>) -> Self {
        let customer = order.required("customer", text(CUSTOMER_LENGTH));
        let items = order.list("items", 1..=100, |item| Item {
            sku: item.required("sku", text(1..=64)),
            quantity: item.required("quantity", integer(1..=1_000_000)),
            unit_price_cents: item.required("unit_price_cents", integer(0..=MOST_CENTS)),
        });
        let total_cents = total(&items).filter(|total| *total <= MOST_CENTS);
        if total_cents.is_none() {
            order.reject("items", format!("must not add up to more than {MOST_CENTS} cents"));
        }
        Self { customer, items, total_cents: total_cents.unwrap_or_default() }
    }
}

/// The sum of all lines, unless it overflows.
fn total(items: &[Item]) -> Option<i64> {
    items
        .iter()
        .try_fold(0_i64, |sum, item| sum.checked_add(item.quantity.checked_mul(item.unit_price_cents)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(body: &str) -> Vec<String> {
        let error = OrderDraft::from_json(&serde_json::from_str(body).unwrap()).unwrap_err();
        assert_eq!(error.http_status(), 400);
        error.violations().iter().map(|violation| violation.field().into_owned()).collect()
    }

    #[test]
    fn the_total_is_the_sum_of_the_lines() {
        let items = |quantity, unit_price_cents| Item { sku: "tea".to_owned(), quantity, unit_price_cents };
        assert_eq!(total(&[items(2, 350), items(1, 1)]), Some(701));
        assert_eq!(total(&[items(2, i64::MAX)]), None, "a line that overflows");
        assert_eq!(total(&[items(1, i64::MAX), items(1, 1)]), None, "a sum that overflows");
    }

    #[test]
    fn an_amount_that_would_overflow_names_the_field() {
        let huge = r#"{"customer":"ada","items":[{"sku":"tea","quantity":2,"unit_price_cents":9223372036854775807}]}"#;
        assert_eq!(fields(huge), ["items[0].unit_price_cents"]);
        let sum = r#"{"customer":"ada","items":[{"sku":"a","quantity":1000000,"unit_price_cents":1000000000000},{"sku":"b","quantity":1,"unit_price_cents":1}]}"#;
        assert_eq!(fields(sum), ["items"]);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let body = r#"{"customer":"","currency":"EUR","items":[{"sku":"tea","quantity":-1,"unit_price_cents":350},{"sku":"","quantity":0,"unit_price_cents":-1}]}"#;
        let expected = [
            "customer",
            "items[0].quantity",
            "items[1].sku",
            "items[1].quantity",
            "items[1].unit_price_cents",
            "currency",
        ];
        assert_eq!(fields(body), expected);
        assert_eq!(fields(r#"{"customer":"ada","items":[]}"#), ["items"]);
        assert_eq!(fields("{}"), ["customer", "items"]);
    }
}
