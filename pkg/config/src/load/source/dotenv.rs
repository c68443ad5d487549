//! `.env` files.
//!
//! The dialect is the part on which the common readers agree: `NAME=value`, an optional `export`, `#` comments, single quotes
//! (literal) and double quotes (`\n`, `\r`, `\t`, `\"`, `\\`, `\$`), both over several lines. A line ends with LF, CR LF or CR.
//! `$NAME` is not expanded: a password may hold a dollar sign.

use std::iter::Peekable;
use std::path::Path;
use std::str::CharIndices;

use super::lines::Lines;
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
    let mut reader = DotenvReader {
        text,
        chars: text.char_indices().peekable(),
        lines: Lines::of(text),
        unclosed: Vec::new(),
        failures: 0,
    };
    let mut dotenv = Dotenv::default();
    while let Some((offset, c)) = reader.chars.peek().copied() {
        if c.is_whitespace() {
            reader.chars.next();
            continue;
        }
        if c == '#' {
            reader.skip_line();
            continue;
        }
        let line = reader.lines.at(offset);
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

struct DotenvReader<'t> {
    text: &'t str,
    chars: Peekable<CharIndices<'t>>,
    lines: Lines,
    /// Quotes that are opened somewhere and closed nowhere: a later one is looked for in its line only.
    unclosed: Vec<char>,
    /// Quoted values that could not be read. After some of them, values over several lines are not read any more, so that the
    /// work stays linear.
    failures: usize,
}

const MAX_FAILURES: usize = 16;
const NO_CLOSING_QUOTE: &str = "has no closing quote";

impl DotenvReader<'_> {
    fn assignment(&mut self) -> Result<(String, String), &'static str> {
        let mut name = self.name();
        if name == "export" && self.skip_blanks() > 0 {
            name = self.name();
        }
        self.skip_blanks();
        let usable = name.chars().next().is_some_and(|first| !first.is_ascii_digit());
        if !usable || self.chars.next_if(|(_, c)| *c == '=').is_none() {
            return Err("is no line of the form NAME=value");
        }
        self.skip_blanks();
        let value = match self.chars.peek().copied() {
            Some((_, quote @ ('"' | '\''))) => self.quoted_value(quote)?,
            _ => self.bare(),
        };
        Ok((name, value))
    }

    fn quoted_value(&mut self, quote: char) -> Result<String, &'static str> {
        self.chars.next();
        let start = self.chars.clone();
        let value = self.quoted(quote).and_then(|value| {
            self.skip_blanks();
            match self.chars.peek() {
                None | Some((_, '\n' | '\r' | '#')) => Ok(value),
                Some(_) => Err("has text after its closing quote"),
            }
        });
        if let Err(message) = value {
            // What lies behind may be no part of the value: the next line is read as a line.
            self.chars = start;
            self.failures += 1;
            if message == NO_CLOSING_QUOTE {
                self.unclosed.push(quote);
            }
        } else {
            self.skip_line();
        }
        value
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some((_, c)) =
            self.chars.next_if(|(_, c)| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
        {
            name.push(c);
        }
        name
    }

    /// The variable of a malformed line: what stands before `=`, or the only word.
    fn name_in_line(&self, start: usize) -> Option<String> {
        let line = self.text.get(start..).unwrap_or_default().split(['\n', '\r']).next().unwrap_or_default();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let name = match line.split_once('=') {
            Some((name, _)) => name.trim(),
            None => line.split([':', '#']).next().unwrap_or_default().trim(),
        };
        (!name.is_empty() && !name.contains(char::is_whitespace)).then(|| name.to_owned())
    }

    /// Up to the end of the line or to a comment, which starts with a blank and `#`.
    fn bare(&mut self) -> String {
        let start = self.offset();
        let mut end = start;
        let mut after_blank = true;
        while let Some((offset, c)) = self.chars.next_if(|(_, c)| !matches!(c, '\n' | '\r')) {
            if c == '#' && after_blank {
                self.skip_line();
                break;
            }
            after_blank = c.is_whitespace();
            end = offset + c.len_utf8();
        }
        self.text.get(start..end).unwrap_or_default().trim_end().to_owned()
    }

    fn quoted(&mut self, quote: char) -> Result<String, &'static str> {
        let one_line = self.unclosed.contains(&quote) || self.failures > MAX_FAILURES;
        let mut value = String::new();
        while let Some((_, c)) = self.chars.next() {
            match c {
                c if c == quote => return Ok(value),
                '\n' | '\r' if one_line => break,
                '\\' if quote == '"' => match self.chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 'r')) => value.push('\r'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, c @ ('"' | '\\' | '$' | '\''))) => value.push(c),
                    Some((_, '\n')) => {}
                    Some((_, '\r')) => drop(self.chars.next_if(|(_, c)| *c == '\n')),
                    Some(_) => return Err("has an unknown escape; write `\\\\` for a backslash"),
                    None => break,
                },
                c => value.push(c),
            }
        }
        Err(NO_CLOSING_QUOTE)
    }

    fn skip_blanks(&mut self) -> usize {
        let mut skipped = 0;
        while self.chars.next_if(|(_, c)| matches!(c, ' ' | '\t')).is_some() {
            skipped += 1;
        }
        skipped
    }

    fn skip_line(&mut self) {
        while self.chars.next_if(|(_, c)| !matches!(c, '\n' | '\r')).is_some() {}
    }

    fn offset(&mut self) -> usize {
        self.chars.peek().map_or(self.text.len(), |(offset, _)| *offset)
    }
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
