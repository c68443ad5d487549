//! Reads a request field by field and reports every invalid field at once (feature `input`).
//!
//! A derived `Deserialize` stops at the first field that does not fit, so a caller repairs a body one answer at a time.
//! [`json`] and [`query`] read on: a wrong field becomes a [`Violation`] and its default value, and the whole is refused at
//! the end. Types, ranges, missing fields, unknown fields and rules that span several fields end up in one list.
//!
//! ```
//! use underpin_errors::input::{self, integer, parsed, text};
//!
//! struct Order { customer: String, lines: Vec<(String, i64)>, currency: Option<[u8; 3]> }
//!
//! fn read(body: &serde_json::Value) -> Result<Order, underpin_errors::Error> {
//!     input::json(body, |order| Order {
//!         customer: order.required("customer", text(1..=100)),
//!         lines: order.list("lines", 1..=50, |line| (line.required("sku", text(1..=64)), line.required("quantity", integer(1..=999)))),
//!         currency: order.optional("currency", parsed("must be a currency", |text| text.as_bytes().try_into().ok())),
//!     })
//!     .map_err(|violations| {
//!         underpin_errors::Error::bad_request("the order is not valid").code("INVALID_ORDER").with_violations(violations)
//!     })
//! }
//!
//! let body = serde_json::json!({"customer": "", "lines": [{"sku": "tea", "quantity": "2"}], "colour": "red"});
//! let error = read(&body).err().unwrap();
//! let found: Vec<_> = error.violations().iter().map(ToString::to_string).collect();
//! assert_eq!(found, [
//!     "customer: must be a text of 1 to 100 characters without control characters",
//!     "lines[0].quantity: must be a whole number from 1 to 999",
//!     "colour: is not a known field",
//! ]);
//! ```
//!
//! # Why not garde, validator or eserde
//! garde and validator check a value that was decoded before: one field of the wrong type hides every rule. eserde collects
//! the decoding errors of all fields, but checks no rules, and takes the place of serde's derive. None of them gives one list
//! of both with JSON pointers. They still fit beside this module: [`decoded`] reads any type of theirs.

mod fields;
mod rule;
mod source;

pub use fields::{Fields, json, query};
pub use rule::{Rule, boolean, decoded, integer, one_of, parsed, text};
pub use source::Input;

#[cfg(doc)]
use crate::Violation;
