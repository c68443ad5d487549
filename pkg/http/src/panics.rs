//! Panics of handlers are counted.

use metrics::{counter, describe_counter};

const PANICS: &str = "underpin_http_panics_total";

pub(crate) fn describe() {
    describe_counter!(PANICS, "Panics that were contained, by place");
}

/// Counts a panic in `http` or `grpc`.
pub(crate) fn count(place: &'static str) {
    counter!(PANICS, "place" => place).increment(1);
}
