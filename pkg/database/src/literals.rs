//! A statement's text without what was written into it instead of bound: that is data too.

/// The text with `'?'` for every quoted literal and without its comments, cut at 2,000 characters.
///
/// Known are `'..'`, `E'..'` and `$tag$..$tag$`. Where it is not sure how the server reads on (a backslash before a quote means
/// two things, for one), the rest is left out.
pub(crate) fn without_literals(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len().min(2_048));
    let mut rest = sql;
    while !rest.is_empty() && text.len() <= 8_000 {
        match step(rest, &mut text) {
            Some(next) => rest = next,
            None => {
                text.push('…');
                break;
            }
        }
    }
    if let Some((cut, _)) = text.char_indices().nth(2_000) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

/// Copies or hides what comes next and gives what follows it; `None` where that cannot be said for sure.
fn step<'a>(rest: &'a str, text: &mut String) -> Option<&'a str> {
    let mut letters = rest.chars();
    let letter = letters.next()?;
    let after = letters.as_str();
    let copied = |end: &'a str| Some((rest.get(..rest.len() - end.len())?, end));
    let (part, end) = match letter {
        '\'' => ("'?'", after_literal(after, prefix(text)?)?),
        '$' => match after_dollars(after) {
            Some(_) if text.ends_with(is_name) => return None,
            Some(end) => ("'?'", end?),
            None => copied(after)?,
        },
        '-' if after.starts_with('-') => (" ", after_line(after)?),
        '/' if after.starts_with('*') => (" ", after_comment(after)?),
        '"' | '`' => copied(after_identifier(after, letter)?)?,
        '[' if is_odd(after) => return None,
        _ => copied(after)?,
    };
    text.push_str(part);
    Some(end)
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$' || !letter.is_ascii()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Prefix {
    Plain,
    /// `E`: a backslash takes the next letter along.
    Escapes,
}

/// What stands before a quote. A name that ends in one belongs to something that is not known here.
fn prefix(text: &str) -> Option<Prefix> {
    let mut before = text.chars().rev();
    match (before.next(), before.next().is_some_and(is_name)) {
        (Some('e' | 'E'), false) => Some(Prefix::Escapes),
        (Some('b' | 'B' | 'x' | 'X' | 'n' | 'N'), false) => Some(Prefix::Plain),
        (Some(letter), _) if is_name(letter) => None,
        _ => Some(Prefix::Plain),
    }
}

/// `''` is a quote inside of the literal.
fn after_literal(mut inside: &str, prefix: Prefix) -> Option<&str> {
    loop {
        let mut letters = inside.get(inside.find(['\'', '\\'])?..)?.chars();
        if letters.next()? == '\'' {
            match letters.as_str().strip_prefix('\'') {
                Some(more) => inside = more,
                None => return Some(letters.as_str()),
            }
            continue;
        }
        if prefix == Prefix::Escapes {
            letters.next()?;
        } else if letters.as_str().starts_with('\'') {
            // With `standard_conforming_strings` off this is a quote inside of the literal.
            return None;
        }
        inside = letters.as_str();
    }
}

/// `None` where no literal begins, as with `$1`; within, `None` where it does not end.
fn after_dollars(after: &str) -> Option<Option<&str>> {
    let (tag, inside) = after.split_once('$')?;
    let is_tag = tag.chars().all(is_name) && !tag.starts_with(|letter: char| letter.is_ascii_digit());
    is_tag.then(|| inside.split_once(&format!("${tag}$")).map(|(_, end)| end))
}

fn after_line(after: &str) -> Option<&str> {
    let Some(at) = after.find(['\n', '\r']) else { return Some("") };
    let end = after.get(at..)?;
    // PostgreSQL ends the line at a lone carriage return, SQLite does not.
    (end.starts_with('\n') || end.starts_with("\r\n")).then_some(end)
}

fn after_comment(after: &str) -> Option<&str> {
    let (inside, end) = after.strip_prefix('*')?.split_once("*/")?;
    // PostgreSQL has comments inside of comments, SQLite does not.
    (!inside.contains("/*")).then_some(end)
}

fn after_identifier(mut inside: &str, quote: char) -> Option<&str> {
    loop {
        let (name, end) = inside.split_once(quote)?;
        // Only SQLite quotes with backticks.
        if quote == '`' && name.contains('\'') {
            return None;
        }
        match end.strip_prefix(quote) {
            Some(more) => inside = more,
            None => return Some(end),
        }
    }
}

/// A bracket is an index for PostgreSQL and may be a name for SQLite.
fn is_odd(after: &str) -> bool {
    let inside = after.split_once(']').map_or(after, |(inside, _)| inside);
    let count = |quote: char| inside.matches(quote).count() % 2 == 1;
    count('\'') || count('"') || inside.contains("--") || inside.contains("/*")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn literals_are_not_shown() {
        for (sql, shown) in [
            ("SELECT $1, $2::text[1]", "SELECT $1, $2::text[1]"),
            ("SELECT 'secret', 2", "SELECT '?', 2"),
            ("SELECT 'it''s secret' || 'x'", "SELECT '?' || '?'"),
            ("SELECT 'never closed secret", "SELECT …"),
            ("SELECT 1 -- don't\n, 'secret'", "SELECT 1  \n, '?'"),
            ("SELECT /* don't */ 'secret'", "SELECT   '?'"),
            (r"SELECT E'it\'s secret', 1", "SELECT E'?', 1"),
            (r"SELECT 'it\'s secret', 1", "SELECT …"),
            (r#"SELECT "o'clock", 'secret', "a""b""#, r#"SELECT "o'clock", '?', "a""b""#),
            ("DO $$ secret $$, $a$ secret $b$ $a$, 1", "DO '?', '?', 1"),
            ("SELECT date'secret'", "SELECT date…"),
            ("SELECT ARRAY['secret', 'x'][1]", "SELECT ARRAY['?', '?'][1]"),
            ("SELECT [o' clock], 'secret'", "SELECT …"),
            ("SELECT /* /* */ ' */ 'secret'", "SELECT …"),
        ] {
            assert_eq!(without_literals(sql), shown);
        }
        assert_eq!(without_literals(&"é".repeat(5_000)).chars().count(), 2_001);
    }

    /// What may stand between literals.
    const FILLERS: [&str; 14] = [
        "SELECT",
        "$1",
        "a$b",
        "-- don't\n",
        "/* it's */",
        r#""o'clock""#,
        r#""a""b'""#,
        "`x`",
        "[1]",
        "::text",
        "1.5",
        ",",
        "E",
        "\\",
    ];

    fn literal() -> impl Strategy<Value = String> {
        (0..7usize, "[a-z '\\\\\"$-]{0,6}").prop_map(|(form, noise)| {
            let inside = format!("{noise}hunter2{noise}");
            let doubled = inside.replace('\'', "''");
            let escaped = inside.replace('\\', "\\\\").replace('\'', "\\'");
            match form {
                0 => format!("'{doubled}'"),
                1 => format!("E'{escaped}'"),
                2 => format!("x'{doubled}'"),
                3 => format!("$$ {} $$", inside.replace('$', "")),
                4 => format!("$tag$ {} $tag$", inside.replace('$', "")),
                5 => format!("U&'{doubled}'"),
                _ => format!("-- {inside}\n"),
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_inside_of_a_literal_never_shows(
            parts in proptest::collection::vec((0..FILLERS.len(), literal(), any::<bool>()), 1..8),
        ) {
            let mut sql = String::new();
            for (filler, literal, spaced) in parts {
                sql.push_str(FILLERS[filler]);
                sql.push_str(if spaced { " " } else { "\n" });
                sql.push_str(&literal);
                sql.push(' ');
            }
            prop_assert!(!without_literals(&sql).contains("hunter2"), "{}", sql);
        }
    }
}
