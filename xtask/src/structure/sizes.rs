//! How much code a crate may hold: lines with code, without blank lines, comments, tests, `testing` and `conformance`.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::source::{Crate, Module};

/// Code lines for each crate. Some exceed what was planned:
///
/// * nats, 1,000: failover, rebuilding a client that ended, lame-duck notices, rotated credentials and the reply inbox are 500 lines; the
///   JSON API of JetStream with buckets and consumers, which store and objects share, is 600; one timer for the deadlines of all requests
///   is 100.
/// * rpc, 3,500: headers that are written once for each transport, and calls that begin without a task.
/// * service, 3,500: the adapters of eight crates are 1,600 lines; each is a feature.
/// * jobs, 3,500: the stores in databases and in memory are 1,200 lines, cron 600.
const BUDGETS: &[(&str, usize)] = &[
    ("journal", 500),
    ("events", 7_700),
    ("outbox", 3_000),
    ("nats", 2_210),
    ("http", 2_850),
    ("commands", 1_000),
    ("store", 5_470),
    ("objects", 3_120),
    ("rpc", 3_750),
    ("jobs", 3_930),
    ("telemetry", 3_000),
    ("service", 4_150),
];

/// Of crates without a line in [`BUDGETS`].
const DEFAULT_BUDGET: usize = 9_000;

/// The lines of one file, all of them counted.
const FILE: usize = 300;

/// What the crate measures, and a line for each limit that it exceeds.
pub(super) fn check(one: &Crate) -> (String, Vec<String>) {
    let counted: Vec<&Module> = one.modules.iter().filter(|module| !module.is_for_tests).collect();
    let lines: usize = counted.iter().map(|module| code_lines(module.tokens())).sum();
    let budget =
        BUDGETS.iter().find(|(name, _)| *name == one.name).map_or(DEFAULT_BUDGET, |(_, budget)| *budget);
    let files: Vec<(usize, &Module)> =
        one.modules.iter().map(|module| (file_lines(module), module)).collect();
    let longest = files.iter().map(|(lines, _)| *lines).max().unwrap_or(0);
    let size = format!(
        "underpin-{}: {lines} code lines of {budget} in {} files, the longest has {longest} lines",
        one.name,
        counted.len()
    );
    let mut over: Vec<String> = files
        .iter()
        .filter(|(lines, _)| *lines > FILE)
        .map(|(lines, module)| {
            format!("{}: {} has {lines} lines, at most {FILE} fit", one.name, module.name())
        })
        .collect();
    if lines > budget {
        over.push(format!("{}: {lines} code lines are over the budget of {budget} (sizes.rs)", one.name));
    }
    (size, over)
}

fn file_lines(module: &Module) -> usize {
    std::fs::read_to_string(&module.file).map_or(0, |text| text.lines().count())
}

/// The lines on which a token stands that is not part of a doc comment.
fn code_lines(tokens: TokenStream) -> usize {
    let mut lines = BTreeSet::new();
    collect(tokens, &mut lines);
    lines.len()
}

fn collect(tokens: TokenStream, lines: &mut BTreeSet<usize>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == '#' && tokens.peek().is_some_and(is_doc) => {
                tokens.next();
            }
            TokenTree::Group(group) => {
                lines.insert(group.span_open().start().line);
                collect(group.stream(), lines);
                lines.insert(group.span_close().end().line);
            }
            other => lines.extend(other.span().start().line..=other.span().end().line),
        }
    }
}

fn is_doc(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    let mut inside = group.stream().into_iter();
    group.delimiter() == Delimiter::Bracket
        && inside.next().is_some_and(|first| first.to_string() == "doc")
        && inside.next().is_some_and(|second| second.to_string() == "=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_blank_lines_and_tests_are_no_code() {
        let text = "//! Story.\n\nuse a::B;\n\n/// Docs.\n#[derive(Debug)]\npub struct S {\n    // why\n    a: u8,\n}\n\n#[cfg(test)]\nmod tests {\n    fn f() {}\n}\n";
        let one = Crate::of(&[("", text)]);
        let counted: usize = one.modules.iter().map(|module| code_lines(module.tokens())).sum();
        assert_eq!(counted, 5);
    }
}
