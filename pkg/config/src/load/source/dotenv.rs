//! `.env` files.
//!
//! The dialect is the part on which the common readers agree: `NAME=value`, an optional `export`, `#` comments, single quotes
//! (literal) and double quotes (`\n`, `\r`, `\t`, `\"`, `\\`, `\$`), both over several lines. A line ends with LF, CR LF or CR.
//! `$NAME` is not expanded: a password may hold a dollar sign.

use std::path::Path;

use super::dotenv_reader::DotenvReader;
use super::text_file::{MAX_FILE, read_text};

/// One assignment.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) line: usize,
}

/// A line that is no assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MalformedLine {
    /// The variable that it seems to be about.
    pub(crate) name: Option<String>,
    pub(crate) message: &'static str,
    pub(crate) line: usize,
}

/// The content of a `.env` file.
#[derive(Default)]
pub(crate) struct Dotenv {
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) malformed: Vec<MalformedLine>,
}

/// Reads a `.env` file. The error says why it cannot be read.
pub(crate) fn read(path: &Path) -> Result<Dotenv, String> {
    read_text(path, MAX_FILE).map(|text| parse(&text))
}

pub(crate) fn parse(text: &str) -> Dotenv {
    let mut reader = DotenvReader::new(text);
    let mut dotenv = Dotenv::default();
    while let Some((offset, line)) = reader.next_line() {
        match reader.assignment() {
            Ok((name, value)) => dotenv.assignments.push(Assignment { name, value, line }),
            Err(message) => {
                let name = reader.name_in_line(offset);
                dotenv.malformed.push(MalformedLine { name, message, line });
                reader.skip_line();
            }
        }
    }
    dotenv
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let Dotenv { assignments, malformed } = parse(text);
        assert_eq!(malformed, []);
        assignments.into_iter().map(|assignment| (assignment.name, assignment.value)).collect()
    }

    fn value(text: &str) -> String {
        values(text).remove(0).1
    }

    #[test]
    fn reads_the_common_dialect() {
        assert_eq!(value("A=1"), "1");
        assert_eq!(value("export A=1\r\n"), "1");
        assert_eq!(value("A = spaced out  # comment"), "spaced out");
        assert_eq!(value("A=no#comment"), "no#comment");
        assert_eq!(value("A="), "");
        assert_eq!(value("A=   # nothing"), "");
        assert_eq!(value("A='lit\\n$eral'"), "lit\\n$eral");
        assert_eq!(value("A=\"l1\\nl2 \\\"q\\\" \\$x\" # comment"), "l1\nl2 \"q\" $x");
        assert_eq!(value("A=\"l1\nl2\"\nB=2"), "l1\nl2");
        assert_eq!(value("A=a=b==").as_str(), "a=b==");
        assert_eq!(values("# c\n\nA=1\nB=2").len(), 2);
    }

    #[test]
    fn a_dollar_sign_is_a_dollar_sign() {
        assert_eq!(value("A=pa$$word$HOME"), "pa$$word$HOME");
    }

    #[test]
    fn names_the_lines_it_cannot_read_and_goes_on() {
        let Dotenv { assignments, malformed: wrong } = parse("A=1\nnot an assignment\nB=2\nC=\"open");
        assert_eq!(
            assignments.iter().map(|a| (a.name.as_str(), a.line)).collect::<Vec<_>>(),
            [("A", 1), ("B", 3)]
        );
        assert_eq!(wrong.iter().map(|wrong| wrong.line).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn a_line_ends_with_lf_crlf_or_cr() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["# c", "A=1", "", "B = two # c", "C='3'", "D=\"4\"", "wrong line", "E=5"].join(end);
            let Dotenv { assignments, malformed } = parse(&text);
            let found: Vec<_> =
                assignments.iter().map(|a| (a.name.as_str(), a.value.as_str(), a.line)).collect();
            assert_eq!(
                found,
                [("A", "1", 2), ("B", "two", 4), ("C", "3", 5), ("D", "4", 6), ("E", "5", 8)],
                "{end:?}"
            );
            assert_eq!(malformed.iter().map(|wrong| wrong.line).collect::<Vec<_>>(), [7], "{end:?}");
        }
        assert_eq!(value("A=\"one\\\r\ntwo\""), "onetwo");
    }

    #[test]
    fn an_open_quote_does_not_swallow_the_lines_behind_it() {
        let Dotenv { assignments, malformed } = parse("A=\"open\nB=2\nC='open\nD=\"closed\\\"\nE=5\n");
        let names: Vec<_> = assignments.iter().map(|a| a.name.as_str()).collect();
        assert_eq!(names, ["B", "E"]);
        let lines: Vec<_> = malformed.iter().map(|wrong| (wrong.line, wrong.name.as_deref())).collect();
        assert_eq!(lines, [(1, Some("A")), (3, Some("C")), (4, Some("D"))]);
    }

    #[test]
    fn a_malformed_line_names_its_variable_where_it_has_one() {
        for (text, name) in [
            ("MY-VAR=1", Some("MY-VAR")),
            ("export OTHER", Some("OTHER")),
            ("OTHER: x", Some("OTHER")),
            ("1ST=x", Some("1ST")),
            ("A='x' y", Some("A")),
            ("A=\"\\q\"", Some("A")),
            ("this is no assignment", None),
            ("=x", None),
        ] {
            let malformed = parse(text).malformed;
            assert_eq!(
                malformed.iter().map(|wrong| wrong.name.as_deref()).collect::<Vec<_>>(),
                [name],
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*|[A-Z=\"'\\\\#\\n$ ]{0,60}") {
            drop(parse(&text));
        }

        #[test]
        fn single_quotes_keep_everything(value in "[^']{0,40}") {
            let text = format!("A='{value}'\n");
            prop_assert_eq!(self::value(&text), value);
        }
    }
}
