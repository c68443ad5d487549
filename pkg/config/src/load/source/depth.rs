//! How deeply a TOML text nests.
//!
//! The parser limits the parts of one key and the levels of inline tables, but not their product, and a tree of thousands of
//! levels overflows the stack when it is built or dropped. This count reads tokens, so it needs no stack.

use toml_parser::Source as TomlSource;
use toml_parser::lexer::TokenKind;

use crate::load::key::MAX_SEGMENTS;

/// The offset at which the text nests deeper than a key may.
pub(super) fn too_deep_at(text: &str) -> Option<usize> {
    let mut nesting = Nesting::default();
    TomlSource::new(text).lex().find_map(|token| {
        nesting.read(token.kind());
        (nesting.depth() > MAX_SEGMENTS).then(|| token.span().start())
    })
}

#[derive(Default)]
struct Nesting {
    /// Levels above the current key: those of the header and of the brackets around it.
    above: usize,
    /// Parts of the current key.
    key: usize,
    /// The levels above each bracket that is open, and whether it is an array.
    open: Vec<(usize, bool)>,
    /// Within the brackets of a header.
    in_header: bool,
    /// Behind the `=` of a key.
    in_value: bool,
    /// No token of the line yet.
    at_start: bool,
}

impl Nesting {
    const fn depth(&self) -> usize {
        self.above + self.key
    }

    fn read(&mut self, token: TokenKind) {
        let at_start = std::mem::replace(&mut self.at_start, false) || self.is_new();
        match token {
            TokenKind::Whitespace | TokenKind::Comment => self.at_start = at_start,
            TokenKind::Newline if self.open.is_empty() => {
                if self.in_header {
                    (self.above, self.in_header) = (self.key, false);
                }
                (self.key, self.in_value, self.at_start) = (0, false, true);
            }
            TokenKind::LeftSquareBracket if self.open.is_empty() && !self.in_value => {
                (self.above, self.key) = if at_start { (0, 0) } else { (self.above, self.key) };
                self.in_header = true;
            }
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                let is_array = token == TokenKind::LeftSquareBracket;
                self.open.push((self.above, is_array));
                self.above += self.key.max(1);
                (self.key, self.in_value) = (usize::from(is_array), is_array);
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                if let Some((above, _)) = self.open.pop() {
                    (self.above, self.key, self.in_value) = (above, 1, true);
                }
            }
            TokenKind::Comma => {
                let in_array = self.open.last().is_some_and(|(_, is_array)| *is_array);
                (self.key, self.in_value) = (usize::from(in_array), in_array);
            }
            TokenKind::Equals => self.in_value = true,
            TokenKind::Dot if !self.in_value => self.key += 1,
            _ if !self.in_value && self.key == 0 => self.key = 1,
            _ => {}
        }
    }

    const fn is_new(&self) -> bool {
        self.above == 0 && self.key == 0 && self.open.is_empty() && !self.in_value && !self.in_header
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dotted(parts: usize) -> String {
        vec!["a"; parts].join(".")
    }

    #[test]
    fn sixty_four_levels_are_the_most() {
        for (levels, text) in [
            (64, format!("{} = 1", dotted(64))),
            (65, format!("{} = 1", dotted(65))),
            (64, format!("[{}]\n{} = 1.5.5.5", dotted(32), dotted(32))),
            (65, format!("# [\n  [[{}]]\n\nx = 1\n{} = [1, 2]", dotted(32), dotted(32))),
            (65, format!("[x]\n[{}] # c\n{} = '''\n[]'''", dotted(32), dotted(33))),
            (64, format!("{} = {{ {} = 1, {} = 2 }}", dotted(32), dotted(32), dotted(32))),
            (65, format!("{} = [{{ b = 1 }}, {{ {} = 1 }}]", dotted(32), dotted(32))),
        ] {
            assert_eq!(too_deep_at(&text).is_some(), levels > 64, "{text}");
        }
        assert_eq!(too_deep_at(&format!("x = [{}]", "1.5, {a.b = 1}, ".repeat(1000))), None);
        assert_eq!(too_deep_at(&format!("{}x = 1\n", "[a.b]\nc.d = { e = [1] }\n".repeat(1000))), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*|[a.=,{}\\[\\]'\"\n ]{0,40}") {
            let _: Option<usize> = too_deep_at(&text);
        }
    }
}
