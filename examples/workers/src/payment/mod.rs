//! Hand over for certain: `payment.process`.

mod gateway;
mod handler;

use serde::{Deserialize, Serialize};
use underpin_errors::Error;
use underpin_events::{Event, InvalidEventError, TypedEvent};
use underpin_logger::Context;
use utoipa::ToSchema;

pub(crate) use gateway::{Gateway, LedgerGateway};
pub(crate) use handler::{PaymentView, Payments, find};

/// A payment of a subscription. The id of its event is the id of the payment: whoever repeats it keeps the id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Payment {
    pub(crate) user_id: String,
    pub(crate) subscription_id: String,
    pub(crate) amount: f64,
}

impl TypedEvent for Payment {
    /// With the prefix of the stream: `payment.process`.
    const TYPE: &'static str = "process";
}

impl Payment {
    /// The event that asks for the payment.
    ///
    /// # Errors
    /// An id that CloudEvents does not allow.
    pub(crate) fn event(&self, id: &str, ctx: &Context) -> Result<Event, InvalidEventError> {
        Event::typed("/workers", self).id(id).caused_by(ctx).build()
    }

    /// The amount in cents.
    ///
    /// # Errors
    /// 400 `INVALID_AMOUNT`: not above zero, above a million, or with a part of a cent.
    pub(crate) fn cents(&self) -> Result<i64, Error> {
        let cents = (self.amount * 100.0).round();
        let is_whole = (self.amount * 100.0 - cents).abs() < 1e-6;
        if is_whole && (1.0..=1e8).contains(&cents) {
            Ok(cents as i64)
        } else {
            Err(Error::bad_request("the amount is not from 0.01 to 1000000, in cents").code("INVALID_AMOUNT"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole_cents() {
        let cents =
            |amount| Payment { user_id: "u".into(), subscription_id: "s".into(), amount }.cents().ok();
        assert_eq!([cents(9.99), cents(0.01), cents(1e6)], [Some(999), Some(1), Some(100_000_000)]);
        for wrong in [0.0, -1.0, 0.001, 1e6 + 0.01, f64::NAN, f64::INFINITY] {
            assert_eq!(cents(wrong), None, "{wrong}");
        }
    }
}
