//! Encoding of text for the tables.

use underpin_database::DatabaseError;
use underpin_database::sea_orm::QueryResult;

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

/// The text of a column.
///
/// A text column of SQLite keeps whatever is written to it. What is not UTF-8 is read with replacement characters, one of
/// them in front: no envelope that begins with it is valid, so the row ends in quarantine and stalls no relay.
pub(crate) fn read_text(row: &QueryResult, column: usize) -> Result<String, DatabaseError> {
    row.try_get_by_index(column).or_else(|error| {
        let bytes: Vec<u8> = row.try_get_by_index(column).map_err(|_| DatabaseError::from(error))?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| format!("\u{fffd}{}", String::from_utf8_lossy(error.as_bytes()))))
    })
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
