/// Whether a text may leave behind what belongs to a session (an open transaction, a setting, a subscription). The
/// connection is then closed instead of lent to the next caller.
pub(crate) fn leaves_session_state(sql: &str) -> bool {
    const WORDS: [&str; 10] =
        ["begin", "start", "set", "listen", "prepare", "declare", "lock", "savepoint", "load", "attach"];
    const TRANSACTION_ONLY: [&str; 3] = ["local", "transaction", "constraints"];
    let is_one_of = |word: &str, known: &[&str]| known.iter().any(|known| word.eq_ignore_ascii_case(known));
    sql.split(';').any(|statement| {
        let mut words = statement.split_whitespace();
        let word = words.next().unwrap_or_default();
        let ends_with_the_transaction = word.eq_ignore_ascii_case("set")
            && words.next().is_some_and(|next| is_one_of(next, &TRANSACTION_ONLY));
        is_one_of(word, &WORDS) && !ends_with_the_transaction
    })
}

#[cfg(test)]
mod tests {
    use super::leaves_session_state;

    #[test]
    fn what_belongs_to_a_session_is_recognised() {
        for sql in ["BEGIN", " set search_path = x", "SELECT 1; Listen a", "\nstart transaction;"] {
            assert!(leaves_session_state(sql), "{sql}");
        }
        for sql in [
            "SELECT 1",
            "SET LOCAL statement_timeout = 0",
            "INSERT INTO settings VALUES (1)",
            "CREATE TABLE beginners (id int)",
            "",
        ] {
            assert!(!leaves_session_state(sql), "{sql}");
        }
    }
}
