//! The tokens of an SQL text, as far as it takes to find words outside of literals, names and comments.

/// A token. Literals and comments are skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A keyword, name or number; a quoted name without its quotes.
    Word(&'a str),
    /// A literal in quotes or dollars.
    Literal,
    /// Any other character.
    Symbol(char),
}

/// Iterates over the tokens of a text. An unterminated literal ends the iteration: the server refuses such a text.
#[derive(Debug, Clone)]
pub(crate) struct Tokens<'a> {
    sql: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn of(sql: &'a str) -> Self {
        Self { sql, at: 0 }
    }

    fn rest(&self) -> &'a str {
        self.sql.get(self.at..).unwrap_or_default()
    }

    fn is_next(&self, byte: u8) -> bool {
        self.sql.as_bytes().get(self.at + 1) == Some(&byte)
    }

    /// The word that begins here. ASCII is read byte by byte, since every statement is read.
    fn word(&mut self) -> Token<'a> {
        let (bytes, start) = (self.sql.as_bytes(), self.at);
        let is_plain =
            |at: usize| bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        while is_plain(self.at) {
            self.at += 1;
        }
        if bytes.get(self.at).is_some_and(|byte| !byte.is_ascii()) {
            let rest = self.rest();
            self.at += rest.find(|letter| !is_in_word(letter)).unwrap_or(rest.len());
        }
        Token::Word(self.sql.get(start..self.at).unwrap_or_default())
    }

    /// The length of a literal or quoted name that ends with `quote`, which is doubled where it is part of the text.
    fn quoted(text: &str, quote: u8, has_escapes: bool) -> Option<usize> {
        let bytes = text.as_bytes();
        let mut at = 1;
        loop {
            match *bytes.get(at)? {
                b'\\' if has_escapes => at += 2,
                byte if byte != quote => at += 1,
                _ if bytes.get(at + 1) == Some(&quote) => at += 2,
                _ => return Some(at + 1),
            }
        }
    }

    /// The length of `$tag$..$tag$`; `None` where the text is no such literal.
    fn dollar_quoted(text: &str) -> Option<Option<usize>> {
        let tag_end = text.get(1..)?.find(|letter: char| !(letter.is_alphanumeric() || letter == '_'))? + 1;
        let starts_with_digit = text.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        if text.as_bytes().get(tag_end) != Some(&b'$') || starts_with_digit {
            return None;
        }
        let (tag, inside) = text.split_at_checked(tag_end + 1)?;
        Some(inside.find(tag).map(|length| tag.len() + length + tag.len()))
    }

    /// The length of a comment in `/* */`, which may contain others.
    fn block_comment(text: &str) -> usize {
        let bytes = text.as_bytes();
        let (mut depth, mut at) = (0_usize, 0);
        while at < bytes.len() {
            match (bytes.get(at), bytes.get(at + 1)) {
                (Some(b'/'), Some(b'*')) => (depth, at) = (depth + 1, at + 2),
                (Some(b'*'), Some(b'/')) => {
                    (depth, at) = (depth.saturating_sub(1), at + 2);
                    if depth == 0 {
                        return at;
                    }
                }
                _ => at += 1,
            }
        }
        bytes.len()
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let byte = *self.sql.as_bytes().get(self.at)?;
            match byte {
                b' ' | b'\t'..=b'\r' => self.at += 1,
                b'e' | b'E' if self.is_next(b'\'') => {
                    self.at += 1 + Self::quoted(self.rest().get(1..)?, b'\'', true)?;
                    return Some(Token::Literal);
                }
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => return Some(self.word()),
                b'-' if self.is_next(b'-') => {
                    let rest = self.rest();
                    self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
                }
                b'/' if self.is_next(b'*') => self.at += Self::block_comment(self.rest()),
                b'\'' => {
                    self.at += Self::quoted(self.rest(), byte, false)?;
                    return Some(Token::Literal);
                }
                b'"' | b'`' => {
                    let start = self.at + 1;
                    self.at += Self::quoted(self.rest(), byte, false)?;
                    return Some(Token::Word(self.sql.get(start..self.at - 1)?));
                }
                b'$' if Self::dollar_quoted(self.rest()).is_some() => {
                    self.at += Self::dollar_quoted(self.rest())??;
                    return Some(Token::Literal);
                }
                _ if byte.is_ascii() => {
                    self.at += 1;
                    return Some(Token::Symbol(char::from(byte)));
                }
                _ => {
                    let letter = self.rest().chars().next()?;
                    if is_in_word(letter) {
                        return Some(self.word());
                    }
                    self.at += letter.len_utf8();
                    if !letter.is_whitespace() {
                        return Some(Token::Symbol(letter));
                    }
                }
            }
        }
    }
}

fn is_in_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(sql: &str) -> Vec<&str> {
        let word = |token| if let Token::Word(word) = token { Some(word) } else { None };
        Tokens::of(sql).filter_map(word).collect()
    }

    #[test]
    fn literals_names_and_comments_are_told_apart() {
        assert_eq!(
            words("SELECT a.b, $1 FROM t -- x\n WHERE c = 'd; e' /* f /* g */ h */ AND i"),
            ["SELECT", "a", "b", "1", "FROM", "t", "WHERE", "c", "AND", "i"]
        );
        assert_eq!(words(r#"a 'b''c' d E'e\'f' g "h""i" `j` k"#), ["a", "d", "g", "h\"\"i", "j", "k"]);
        assert_eq!(words("a $$ b ' $$ c $x$ d $$ e $x$ f $1 g"), ["a", "c", "f", "1", "g"]);
        assert_eq!(words("a 'never ends"), ["a"]);
        assert_eq!(words("a /* never ends"), ["a"]);
    }

    proptest! {
        #[test]
        fn no_text_panics_or_loops(text in "[a-z'\"$;*/\\\\\\- \\né\\[]{0,40}") {
            prop_assert!(Tokens::of(&text).count() <= text.len());
        }
    }
}
