//! Compares an output with the documented one, apart from what differs in each run.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// The values that stand for documented ones in this run, such as ids.
pub(super) type Bindings = HashMap<String, String>;

/// Whether a word is different in each run, and the same throughout a run.
pub(super) type IsId = dyn Fn(&str) -> bool;

#[derive(Debug, PartialEq, Eq)]
enum Piece<'t> {
    Text(&'t str),
    /// The same value stands for the same documented one.
    Id(&'t str),
    /// Different each time.
    Any,
}

/// Compares line by line, and learns which ids stand for which. A documented line `...` stands for any number of lines.
pub(super) fn matches(
    documented: &[String],
    actual: &[String],
    is_id: &IsId,
    bindings: &mut Bindings,
) -> bool {
    let mut actual = actual.iter();
    let mut skipping = false;
    let mut learned = bindings.clone();
    for line in documented {
        if line.trim() == "..." {
            skipping = true;
            continue;
        }
        let found = if std::mem::take(&mut skipping) {
            actual.any(|actual| line_matches(line, actual, is_id, &mut learned))
        } else {
            actual.next().is_some_and(|actual| line_matches(line, actual, is_id, &mut learned))
        };
        if !found {
            return false;
        }
    }
    let all = skipping || actual.next().is_none();
    if all {
        *bindings = learned;
    }
    all
}

fn line_matches(documented: &str, actual: &str, is_id: &IsId, bindings: &mut Bindings) -> bool {
    let (documented, actual) = (sorted(documented), sorted(actual));
    let (documented, actual) = (pieces(&documented, is_id), pieces(&actual, is_id));
    let mut learned = bindings.clone();
    let same = documented.len() == actual.len()
        && documented.iter().zip(&actual).all(|pair| match pair {
            (Piece::Text(documented), Piece::Text(actual)) => documented == actual,
            (Piece::Any, Piece::Any) => true,
            (Piece::Id(documented), Piece::Id(actual)) => {
                let known = learned.entry((*documented).to_owned()).or_insert_with(|| (*actual).to_owned());
                known == actual
            }
            _ => false,
        });
    if same {
        *bindings = learned;
    }
    same
}

/// A line of JSON with the keys of its objects in order: the order of a program depends on the features of its build.
fn sorted(line: &str) -> Cow<'_, str> {
    if !line.starts_with('{') {
        return Cow::Borrowed(line);
    }
    serde_json::from_str::<Ordered>(line)
        .and_then(|value| serde_json::to_string(&value))
        .map_or(Cow::Borrowed(line), Cow::Owned)
}

/// JSON whose objects have their keys in order.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Ordered {
    Object(BTreeMap<String, Ordered>),
    Array(Vec<Ordered>),
    Scalar(serde_json::Value),
}

/// Replaces the documented ids of a command by those of this run.
pub(super) fn bind(command: &str, bindings: &Bindings) -> String {
    bindings.iter().fold(command.to_owned(), |text, (documented, actual)| text.replace(documented, actual))
}

fn pieces<'t>(text: &'t str, is_id: &IsId) -> Vec<Piece<'t>> {
    let mut pieces = Vec::new();
    let mut plain = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let found = volatile(text.get(..at).unwrap_or_default(), rest, is_id);
        let (length, piece) = found.map_or((0, None), |(length, piece)| (length, Some(piece)));
        if let Some(piece) = piece {
            pieces.push(Piece::Text(text.get(plain..at).unwrap_or_default()));
            pieces.push(piece);
            at += length;
            plain = at;
        } else {
            // A whole word, or one other character.
            at += word(rest).len().max(rest.chars().next().map_or(1, char::len_utf8));
        }
    }
    pieces.push(Piece::Text(text.get(plain..).unwrap_or_default()));
    pieces
}

/// What differs in each run and begins here: a UUID, a word of the caller, a time of RFC 3339, the header
/// `date`, the digits behind `_ms":`.
fn volatile<'t>(before: &str, rest: &'t str, is_id: &IsId) -> Option<(usize, Piece<'t>)> {
    // The header of HTTP.
    if before == "date: " {
        return Some((rest.len(), Piece::Any));
    }
    let word = word(rest);
    if let Some(length) = timestamp(rest) {
        return Some((length, Piece::Any));
    }
    if !word.is_empty() && (is_uuid(word) || is_id(word)) {
        return Some((word.len(), Piece::Id(word)));
    }
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let is_measured = ["_ms\":", "_ms\": ", "_ms=", "_at_ms\":"].iter().any(|end| before.ends_with(end));
    (digits > 0 && is_measured).then_some((digits, Piece::Any))
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

fn is_uuid(word: &str) -> bool {
    let groups: Vec<&str> = word.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && groups.iter().all(|group| group.chars().all(|c| c.is_ascii_hexdigit()))
}

/// The length of `2026-11-30T04:21:29.120Z`, with or without a fraction.
fn timestamp(text: &str) -> Option<usize> {
    let shape = |text: &str, shape: &str| {
        text.len() >= shape.len()
            && text
                .chars()
                .zip(shape.chars())
                .all(|(c, s)| if s == '0' { c.is_ascii_digit() } else { c == s })
    };
    if !shape(text, "0000-00-00T00:00:00") {
        return None;
    }
    let rest = text.get(19..)?;
    let fraction = rest
        .strip_prefix('.')
        .map_or(0, |rest| 1 + rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len());
    rest.get(fraction..)?.starts_with('Z').then_some(19 + fraction + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "01a22aaf-b9a0-71b5-b765-27ed1930fcc2";
    const SECOND: &str = "02b33bb0-b9a0-71b5-b765-27ed1930fcc2";

    fn same(documented: &str, actual: &str) -> bool {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        matches(&lines(documented), &lines(actual), &|_| false, &mut Bindings::new())
    }

    #[test]
    fn ids_and_times_differ_and_the_rest_does_not() {
        let line = |id: &str, time: &str, total: u32| {
            format!(r#"{{"id":"{id}","at":"{time}","total":{total},"waited_ms":{total}0}}"#)
        };
        let documented = line(FIRST, "2026-11-30T04:21:29.120Z", 700);
        assert!(same(&documented, &line(SECOND, "2027-01-01T00:00:00Z", 700)));
        assert!(!same(&documented, &line(SECOND, "2027-01-01T00:00:00Z", 701)));
        assert!(!same("a", "a\nb") && !same("a\nb", "a"));
        assert!(same("a\n...\nd", "a\nb\nc\nd") && same("...", "") && !same("...\nd", "a"));
    }

    #[test]
    fn the_order_of_keys_is_none_of_the_content() {
        assert!(same(r#"{"b":[{"d":1,"c":null}],"a":"x"}"#, r#"{"a":"x","b":[{"c":null,"d":1}]}"#));
        assert!(!same(r#"{"b":1,"a":2}"#, r#"{"b":2,"a":1}"#) && !same("{no", "{json"));
    }

    #[test]
    fn an_id_stands_for_one_other() {
        assert!(same(&format!("{FIRST} {FIRST}"), &format!("{SECOND} {SECOND}")));
        assert!(!same(&format!("{FIRST} {FIRST}"), &format!("{FIRST} {SECOND}")));
        let mut bindings = Bindings::new();
        let (documented, actual) = ([FIRST.to_owned()], [SECOND.to_owned()]);
        assert!(matches(&documented, &actual, &|_| false, &mut bindings));
        assert_eq!(bind(&format!("curl /orders/{FIRST}"), &bindings), format!("curl /orders/{SECOND}"));
    }
}
