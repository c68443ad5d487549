//! The length of a line.

use serde_json::Value;
use slog::info;

use super::{Verdict, broken, only};
use crate::subject::Subject;
use crate::tap::Tap;

/// What Docker's json-file driver and containerd pass on in one piece.
const MOST: usize = 16 * 1024;

pub(crate) fn a_record_is_within_16_kib(subject: &Subject) -> Verdict {
    let tap = Tap::default();
    let log = subject.over(&tap);
    info!(log, "m"; "body" => "x".repeat(2 * MOST), "order_id" => 7);
    drop(log);
    let text = tap.text();
    let line = only(&text)?;
    if text.len() > MOST {
        return broken(format!("a line is {} bytes long", text.len()));
    }
    let told = line.get("truncated") == Some(&Value::Bool(true)) && line.get("order_id") == Some(&7.into());
    if told { Ok(()) } else { broken(format!("what was cut is not told, or too much is gone: {text}")) }
}
