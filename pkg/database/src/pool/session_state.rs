/// Whether a text may leave behind what belongs to a session (an open transaction, a setting, a subscription). The
/// connection is then closed instead of lent to the next caller.
pub(crate) fn leaves_session_state(sql: &str) -> bool {
    sql.split(';').any(|statement| {
        // Asked of every statement: the words are compared in place, since most differ within two letters.
        let statement = statement.trim_start();
        let mut rests = WORDS.iter().filter_map(|word| after_word(statement, word).map(|rest| (*word, rest)));
        rests.next().is_some_and(|(word, rest)| {
            let rest = rest.trim_start();
            word != "set" || !TRANSACTION_ONLY.iter().any(|next| after_word(rest, next).is_some())
        })
    })
}

const WORDS: [&str; 10] =
    ["begin", "start", "set", "listen", "prepare", "declare", "lock", "savepoint", "load", "attach"];

/// What SET may be followed by without outlasting the transaction.
const TRANSACTION_ONLY: [&str; 3] = ["local", "transaction", "constraints"];

/// What follows the word, where the text begins with it.
fn after_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(word.len())?;
    let ends = rest.chars().next().is_none_or(char::is_whitespace);
    (ends && start.eq_ignore_ascii_case(word)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::leaves_session_state;

    #[test]
    fn what_belongs_to_a_session_is_recognised() {
        for sql in [
            "BEGIN",
            " set search_path = x",
            "SELECT 1; Listen a",
            "\nstart transaction;",
            "SET",
            "set\u{a0}localtime = 1",
            "SELECT 1;\tSET \n SESSION x = 1",
        ] {
            assert!(leaves_session_state(sql), "{sql}");
        }
        for sql in [
            "SELECT 1",
            "SET LOCAL statement_timeout = 0",
            "set  transaction read only; SELECT 1",
            "SELECT set",
            "sétting",
            "setlocal",
            "LOCKS",
            "INSERT INTO settings VALUES (1)",
            "CREATE TABLE beginners (id int)",
            "",
        ] {
            assert!(!leaves_session_state(sql), "{sql}");
        }
    }
}
