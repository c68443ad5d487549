//! Text that a text column of every database takes.

/// The longest reason kept with a row, in characters.
const LONGEST: usize = 1000;

/// A reason as it is stored: at most 1,000 characters, a space for each control character.
///
/// PostgreSQL refuses NUL in text, and line ends would let a reason forge lines where it is printed.
pub(crate) fn stored_reason(reason: &str) -> String {
    reason.chars().map(|c| if is_unprintable(c) { ' ' } else { c }).take(LONGEST).collect()
}

fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_short_and_of_one_line() {
        assert_eq!(stored_reason("a\0b\r\nc\u{7f}d\u{85}e\u{2028}ü"), "a b  c d e ü");
        assert_eq!(stored_reason(&"ä".repeat(500_000)).chars().count(), LONGEST);
        assert_eq!(stored_reason(""), "");
    }
}
