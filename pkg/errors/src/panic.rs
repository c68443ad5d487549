use std::any::Any;

/// The text of a panic, if it has one.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_formatted_texts_and_other_payloads() {
        assert_eq!(panic_text(&"literal"), "literal");
        assert_eq!(panic_text(&format!("number {}", 7)), "number 7");
        assert_eq!(panic_text(&7), "without a text");
    }
}
