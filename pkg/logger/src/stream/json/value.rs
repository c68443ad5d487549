use std::fmt::Write as _;

use super::{digits, value_writer::ValueWriter};
use crate::{Value, placeholders::REDACTED};

impl ValueWriter<'_> {
    /// The value of the field `key`.
    #[inline]
    #[cfg_attr(not(feature = "nested-values"), allow(unused_variables, reason = "for nested keys"))]
    pub(super) fn value(&mut self, key: &str, value: Value<'_>) {
        match value {
            Value::Null => self.null(),
            Value::Bool(truth) => self.bool(truth),
            Value::I64(number) => self.i64(number),
            Value::U64(number) => self.u64(number),
            Value::I128(number) => self.i128(number),
            Value::U128(number) => self.u128(number),
            Value::F64(number) => self.f64(number),
            Value::Duration(span) => self.scratch.buf.fill(|out| digits::put_millis(out, span)),
            Value::Str(text) => self.text(text),
            Value::Path(path) => self.user_text(|out| write!(out, "{}", path.display())),
            Value::Error(error) => self.chain(error),
            Value::Display(value) => self.user_text(|out| write!(out, "{value}")),
            Value::Debug(value) => self.user_text(|out| write!(out, "{value:?}")),
            Value::Secret => self.text(REDACTED),
            #[cfg(feature = "nested-values")]
            Value::Nested(nested) => self.nested(key, |out| nested.encode(out)),
        }
    }
}
