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

const WORDS: [&str; 12] = [
    "begin",
    "start",
    "set",
    "listen",
    "prepare",
    "declare",
    "lock",
    "savepoint",
    "load",
    "attach",
    "create",
    "pragma",
];

/// What SET may be followed by without outlasting the transaction.
const TRANSACTION_ONLY: [&str; 3] = ["local", "transaction", "constraints"];

fn leaves(statement: &str) -> bool {
    // Asked of every statement: the words are compared in place, since most differ within two letters.
    let found = WORDS.iter().find_map(|word| Some((*word, after_word(statement, word)?)));
    match found {
        None => false,
        Some(("set", rest)) => {
            !TRANSACTION_ONLY.iter().any(|next| after_word(rest.trim_start(), next).is_some())
        }
        Some(("create", rest)) => is_temporary(own(rest)),
        Some(("pragma", rest)) => own(rest).contains(['=', '(']),
        Some(_) => true,
    }
}

/// What follows the word, where the text begins with it.
fn after_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(word.len())?;
    if !start.eq_ignore_ascii_case(word) {
        return None;
    }
    (!rest.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_')).then_some(rest)
}

/// Whether CREATE makes what is gone with the session and not with the transaction.
fn is_temporary(rest: &str) -> bool {
    let is_one_of = |word: &str, known: &[&str]| known.iter().any(|known| word.eq_ignore_ascii_case(known));
    let word = rest.split_whitespace().find(|word| !is_one_of(word, &["or", "replace", "local", "global"]));
    word.is_some_and(|word| is_one_of(word, &["temp", "temporary"]))
        && !rest.to_ascii_lowercase().contains("on commit drop")
}

/// The text up to the end of its first statement.
fn own(statement: &str) -> &str {
    statement.split_once(';').map_or(statement, |(own, _)| own)
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
            "SET",
            "SET/* x */search_path = x",
            "set\u{a0}localtime = 1",
            "SELECT 1;\tSET \n SESSION x = 1",
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
            "set  transaction read only; SELECT 1",
            "SELECT set",
            "sétting",
            "setlocal",
            "LOCKS",
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
