/// Whether a text may leave behind what belongs to a session (an open transaction, a setting, a subscription, a temporary
/// table). The connection is then closed instead of lent to the next caller.
///
/// When in doubt it says yes: a semicolon inside of a literal or a comment begins a statement here.
pub(crate) fn leaves_session_state(sql: &str) -> bool {
    let mut rest = Some(sql);
    while let Some(text) = rest {
        let after = text.split_once(';').map(|(_, after)| after);
        if leaves(after_comments(text)) {
            return true;
        }
        rest = after;
    }
    false
}

fn leaves(statement: &str) -> bool {
    const WORDS: [&str; 10] =
        ["begin", "start", "set", "listen", "prepare", "declare", "lock", "savepoint", "load", "attach"];
    const TRANSACTION_ONLY: [&str; 3] = ["local", "transaction", "constraints"];
    let mut words = statement.split(|letter: char| letter.is_whitespace() || letter == ';');
    let word = words.next().unwrap_or_default();
    if is_one_of(word, &WORDS) {
        let next = words.find(|word| !word.is_empty()).unwrap_or_default();
        return !(word.eq_ignore_ascii_case("set") && is_one_of(next, &TRANSACTION_ONLY));
    }
    (word.eq_ignore_ascii_case("create") && is_temporary(statement))
        || (word.eq_ignore_ascii_case("pragma") && own(statement).contains(['=', '(']))
}

/// CREATE of what is gone with the session and not with the transaction.
fn is_temporary(statement: &str) -> bool {
    let mut words = statement.split_whitespace().skip(1);
    let word = words.find(|word| !is_one_of(word, &["or", "replace", "local", "global"]));
    word.is_some_and(|word| is_one_of(word, &["temp", "temporary"]))
        && !own(statement).to_ascii_lowercase().contains("on commit drop")
}

/// The text up to the end of its first statement.
fn own(statement: &str) -> &str {
    statement.split_once(';').map_or(statement, |(own, _)| own)
}

fn is_one_of(word: &str, known: &[&str]) -> bool {
    known.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// What follows the white space and the comments at the beginning.
fn after_comments(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        text = if let Some(comment) = text.strip_prefix("--") {
            comment.split_once(['\n', '\r']).map_or("", |(_, after)| after)
        } else if let Some(comment) = text.strip_prefix("/*") {
            after_block(comment)
        } else {
            return text;
        };
    }
}

/// PostgreSQL has comments inside of comments.
fn after_block(mut inside: &str) -> &str {
    let mut depth = 1;
    while let Some((before, after)) = inside.split_once("*/") {
        depth += before.matches("/*").count();
        depth -= 1;
        if depth == 0 {
            return after;
        }
        inside = after;
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::leaves_session_state;

    #[test]
    fn what_belongs_to_a_session_is_recognised() {
        for sql in [
            "BEGIN",
            "begin;",
            " set search_path = x",
            "SELECT 1; Listen a",
            "\nstart transaction;",
            "/* x */ SET search_path = x",
            "/* a /* b */ ; */ -- x\n\tSET search_path = x",
            "-- a; b\nSET search_path = x",
            "SELECT ';-- '; SET search_path = x",
            "CREATE TEMP TABLE t (id int)",
            "create or replace temporary view v AS SELECT 1",
            "PRAGMA cache_size = 10",
            "PRAGMA foreign_keys(0)",
        ] {
            assert!(leaves_session_state(sql), "{sql}");
        }
        for sql in [
            "SELECT 1",
            "SET LOCAL statement_timeout = 0",
            "SET  LOCAL statement_timeout = 0",
            "INSERT INTO settings VALUES (1)",
            "CREATE TABLE beginners (id int)",
            "CREATE TABLE temp (id int)",
            "CREATE TEMP TABLE t (id int) ON COMMIT DROP",
            "PRAGMA user_version; SELECT (1)",
            "/* SET x */ SELECT 1 -- begin",
            "-- never ends",
            "/* never ends",
            "",
        ] {
            assert!(!leaves_session_state(sql), "{sql}");
        }
    }
}
