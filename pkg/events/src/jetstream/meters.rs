//! The metrics of the JetStream backend. Handles are resolved at each use, so that an exporter may be installed later.

use metrics::{counter, gauge};

const WAITING: &str = "underpin_events_waiting";
const IN_FLIGHT: &str = "underpin_events_in_flight";
const UNCONFIRMED: &str = "underpin_events_unconfirmed_total";
const QUARANTINED: &str = "underpin_events_quarantined_total";

pub(super) fn lag(subscription: &str, waiting: u64, in_flight: u64) {
    gauge!(WAITING, "subscription" => subscription.to_owned()).set(as_f64(waiting));
    gauge!(IN_FLIGHT, "subscription" => subscription.to_owned()).set(as_f64(in_flight));
}

pub(super) fn unconfirmed() {
    counter!(UNCONFIRMED).increment(1);
}

pub(super) fn quarantined(subscription: &str) {
    counter!(QUARANTINED, "subscription" => subscription.to_owned()).increment(1);
}

/// Exact up to 2^53, which is more events than a stream holds.
#[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
