//! Panics of handlers become errors and are counted.

use std::any::Any;

use metrics::{counter, describe_counter};
use underpin_errors::Error;

const PANICS: &str = "underpin_http_panics_total";

pub(crate) fn describe() {
    describe_counter!(PANICS, "Panics that were contained, by place");
}

/// Counts a panic in `http` or `grpc`.
pub(crate) fn count(place: &'static str) {
    counter!(PANICS, "place" => place).increment(1);
}

/// The text of a panic, as far as it is one.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::internal(format!("panicked: {}", text.unwrap_or("without a text")))
}
