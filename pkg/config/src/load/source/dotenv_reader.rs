//! Reads the assignments of a `.env` text.

use std::iter::Peekable;
use std::str::CharIndices;

use super::lines::Lines;

pub(super) struct DotenvReader<'t> {
    text: &'t str,
    chars: Peekable<CharIndices<'t>>,
    lines: Lines,
    /// Quotes that are opened and never closed: a later one must close in its line.
    unclosed: Vec<char>,
    /// Quoted values that could not be read. After some of them, values over several lines are not read any more, so that the
    /// work stays linear.
    failures: usize,
}

const MAX_FAILURES: usize = 16;
const NO_CLOSING_QUOTE: &str = "has no closing quote";

impl<'t> DotenvReader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let chars = text.char_indices().peekable();
        Self { text, chars, lines: Lines::of(text), unclosed: Vec::new(), failures: 0 }
    }

    /// Skips blank lines and comments. The offset and the line of what follows.
    pub(super) fn next_line(&mut self) -> Option<(usize, usize)> {
        while let Some((offset, c)) = self.chars.peek().copied() {
            match c {
                '#' => self.skip_line(),
                c if c.is_whitespace() => drop(self.chars.next()),
                _ => return Some((offset, self.lines.at(offset))),
            }
        }
        None
    }

    pub(super) fn assignment(&mut self) -> Result<(String, String), &'static str> {
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
    pub(super) fn name_in_line(&self, start: usize) -> Option<String> {
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

    pub(super) fn skip_line(&mut self) {
        while self.chars.next_if(|(_, c)| !matches!(c, '\n' | '\r')).is_some() {}
    }

    fn offset(&mut self) -> usize {
        self.chars.peek().map_or(self.text.len(), |(offset, _)| *offset)
    }
}
