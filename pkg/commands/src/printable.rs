//! Texts of strangers on an operator's terminal: an event may hold escape sequences.

/// The text with every control character replaced; line ends and tabs stay.
#[cfg(feature = "events")]
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// The text with every control character replaced by a blank, to stand in a line of a table.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(all(test, feature = "events"))]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(printable("{\n\t\"a\": \"\u{1b}[2J\"\r}"), "{\n\t\"a\": \"\u{fffd}[2J\"\u{fffd}}");
        assert_eq!(one_line("a\tb\nc\u{1b}[0m\u{85}"), "a b c [0m ");
    }
}
