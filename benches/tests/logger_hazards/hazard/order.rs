//! The order of fields.

use super::{Verdict, broken, only};
use crate::subject::Subject;

pub(crate) fn fields_keep_their_order(subject: &Subject) -> Verdict {
    let text = subject.abc();
    only(&text)?;
    let mut order = ["a", "b", "c"];
    order.sort_by_key(|key| text.find(&format!("\"{key}\":")));
    if order == ["a", "b", "c"] { Ok(()) } else { broken(format!("the order is {order:?}: {text}")) }
}
