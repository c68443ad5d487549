//! `.env` files.
//!
//! The dialect is the part on which the common readers agree: `NAME=value`, an optional `export`, `#` comments, single quotes
//! (literal) and double quotes (`\n`, `\r`, `\t`, `\"`, `\\`, `\$`), both over several lines. `$NAME` is not expanded: a
//! password may hold a dollar sign.

use std::iter::Peekable;
use std::path::Path;
use std::str::CharIndices;

use super::lines::Lines;
use super::text_file::{MAX_FILE, read_text, unreadable};
use crate::{Issue, IssueKind};

/// One assignment.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) line: usize,
}

/// Reads a `.env` file: every assignment that can be read, and every line that cannot.
pub(crate) fn read(path: &Path) -> (Vec<Assignment>, Vec<Issue>) {
    match read_text(path, MAX_FILE) {
        Ok(text) => {
            let (assignments, wrong) = parse(&text);
            let issue = |(line, message): (usize, &'static str)| {
                Issue::new(IssueKind::Syntax, "", message).in_file(path, Some(line))
            };
            (assignments, wrong.into_iter().map(issue).collect())
        }
        Err(message) => (Vec::new(), vec![unreadable(path, message)]),
    }
}

/// The assignments of a text, and the lines that are none.
pub(crate) fn parse(text: &str) -> (Vec<Assignment>, Vec<(usize, &'static str)>) {
    let mut reader = DotenvReader { text, chars: text.char_indices().peekable(), lines: Lines::of(text) };
    let mut assignments = Vec::new();
    let mut wrong = Vec::new();
    while let Some((offset, c)) = reader.chars.peek().copied() {
        if c.is_whitespace() {
            reader.chars.next();
            continue;
        }
        let line = reader.lines.at(offset);
        if c == '#' {
            reader.skip_line();
            continue;
        }
        match reader.assignment() {
            Ok((name, value)) => assignments.push(Assignment { name, value, line }),
            Err(message) => {
                wrong.push((line, message));
                reader.skip_line();
            }
        }
    }
    (assignments, wrong)
}

struct DotenvReader<'t> {
    text: &'t str,
    chars: Peekable<CharIndices<'t>>,
    lines: Lines,
}

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
        let value = match self.chars.peek() {
            Some((_, quote @ ('"' | '\''))) => {
                let quote = *quote;
                self.chars.next();
                let value = self.quoted(quote)?;
                self.skip_blanks();
                match self.chars.peek() {
                    None | Some((_, '\n' | '\r' | '#')) => self.skip_line(),
                    Some(_) => return Err("has text after its closing quote"),
                }
                value
            }
            _ => self.bare(),
        };
        Ok((name, value))
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

    /// Up to the end of the line or to a comment, which starts with a blank and `#`.
    fn bare(&mut self) -> String {
        let start = self.offset();
        let mut end = start;
        let mut after_blank = true;
        while let Some((offset, c)) = self.chars.next_if(|(_, c)| *c != '\n') {
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
        let mut value = String::new();
        while let Some((_, c)) = self.chars.next() {
            match c {
                c if c == quote => return Ok(value),
                '\\' if quote == '"' => match self.chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 'r')) => value.push('\r'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, c @ ('"' | '\\' | '$' | '\''))) => value.push(c),
                    Some((_, '\n')) => {}
                    Some(_) => return Err("has an unknown escape; write `\\\\` for a backslash"),
                    None => break,
                },
                c => value.push(c),
            }
        }
        Err("has no closing quote")
    }

    fn skip_blanks(&mut self) -> usize {
        let mut skipped = 0;
        while self.chars.next_if(|(_, c)| matches!(c, ' ' | '\t')).is_some() {
            skipped += 1;
        }
        skipped
    }

    fn skip_line(&mut self) {
        while self.chars.next_if(|(_, c)| *c != '\n').is_some() {}
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
        let (assignments, wrong) = parse(text);
        assert_eq!(wrong, []);
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
        let (assignments, wrong) = parse("A=1\nnot an assignment\nB=2\nC=\"open");
        assert_eq!(
            assignments.iter().map(|a| (a.name.as_str(), a.line)).collect::<Vec<_>>(),
            [("A", 1), ("B", 3)]
        );
        assert_eq!(wrong.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4]);
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
