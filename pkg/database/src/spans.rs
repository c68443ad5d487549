//! The spans of statements and transactions, by the semantic conventions of OpenTelemetry. They never hold a text of SQL.

use std::time::Duration;

use underpin_logger::{Context, Span, SpanKind};

use crate::{
    Backend, DatabaseError,
    sql_tokens::{Token, Tokens},
};

/// Opens the span of a statement, named by what it does and to which table: `SELECT orders`.
pub(crate) fn statement(ctx: Option<&Context>, backend: Backend, sql: &str) -> Span {
    let mut span = open(ctx, "statement", SpanKind::Client);
    if span.is_recording() {
        let (operation, table) = summary(sql);
        span.set("db.system.name", system(backend));
        span.set("db.operation.name", operation.as_str());
        if let Some(table) = table {
            span.set("db.collection.name", table);
        }
        span.rename(|| table.map_or_else(|| operation.clone(), |table| format!("{operation} {table}")));
    }
    span
}

/// Opens the span of a transaction, which lasts from the wait for a connection to the reply to COMMIT.
pub(crate) fn transaction(ctx: Option<&Context>, backend: Backend) -> Span {
    let mut span = open(ctx, "transaction", SpanKind::Internal);
    span.set("db.system.name", system(backend));
    span
}

/// Notes how a statement ended.
pub(crate) fn ended<T>(span: &mut Span, result: &Result<T, DatabaseError>, rows: Option<u64>) {
    match result {
        Ok(_) => {
            if let Some(rows) = rows {
                span.set("db.response.returned_rows", rows);
            }
        }
        Err(error) => failed(span, error),
    }
}

/// Notes why it failed: the sentence of the error, which holds no value.
pub(crate) fn failed(span: &mut Span, error: &DatabaseError) {
    if span.is_recording() {
        span.set("error.type", format!("{:?}", error.condition()));
        span.fail(error);
    }
}

/// How long the connection was waited for, apart from the time of the statement.
pub(crate) fn acquired(span: &mut Span, waited: Duration) {
    span.event("connection acquired");
    span.set("db.client.connection.wait_ms", waited.as_secs_f64() * 1e3);
}

fn open(ctx: Option<&Context>, name: &'static str, kind: SpanKind) -> Span {
    match ctx {
        Some(ctx) => ctx.span(name, kind),
        None => Context::current().span(name, kind),
    }
}

const fn system(backend: Backend) -> &'static str {
    match backend {
        Backend::Postgres => "postgresql",
        Backend::Sqlite => "sqlite",
    }
}

/// What a statement does, and the first table that it names. Both come from code, not from data: they have few values.
fn summary(sql: &str) -> (String, Option<&str>) {
    let mut words = Tokens::of(sql).filter_map(|token| match token {
        Token::Word(word) => Some(word),
        Token::Literal | Token::Symbol(_) => None,
    });
    let operation = words.next().unwrap_or("statement").to_ascii_uppercase();
    if operation == "UPDATE" {
        let table = words.find(|word| !word.eq_ignore_ascii_case("ONLY"));
        return (operation, table);
    }
    let introduces =
        |word: &&str| ["FROM", "INTO", "TABLE"].iter().any(|known| word.eq_ignore_ascii_case(known));
    let table = words.by_ref().find(introduces).and_then(|_| {
        words.find(|word| {
            !["ONLY", "IF", "NOT", "EXISTS", "LATERAL"].iter().any(|noise| word.eq_ignore_ascii_case(noise))
        })
    });
    // What follows FROM in parentheses is another query.
    (operation, table.filter(|table| !table.eq_ignore_ascii_case("SELECT")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_named_by_what_it_does_and_to_which_table() {
        for (sql, name) in [
            ("SELECT id, 'FROM x' FROM orders WHERE id = $1", "SELECT orders"),
            ("select * from \"orders\" o join items i on i.o = o.id", "SELECT orders"),
            ("INSERT INTO orders (id) VALUES ($1)", "INSERT orders"),
            ("UPDATE ONLY orders SET total = 1", "UPDATE orders"),
            ("delete from orders", "DELETE orders"),
            ("/* FROM hint */ SELECT 1", "SELECT"),
            ("SELECT a FROM (SELECT b FROM c) d", "SELECT"),
            ("CREATE TABLE IF NOT EXISTS account (id INTEGER)", "CREATE account"),
            ("BEGIN", "BEGIN"),
            ("", "STATEMENT"),
        ] {
            let (operation, table) = summary(sql);
            let full = table.map_or_else(|| operation.clone(), |table| format!("{operation} {table}"));
            assert_eq!(full, name, "{sql}");
        }
    }
}
