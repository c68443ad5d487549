//! Keys such as `database.max_connections`, and the environment variables that set them.

/// A key has at most this many segments.
pub(crate) const MAX_SEGMENTS: usize = 64;
/// Why a longer key is refused.
pub(crate) const TOO_DEEP: &str = "has more than 64 segments";

/// The segments of a dotted key. A segment that contains a dot itself is written in double quotes:
/// `hosts."example.com".port`.
pub(crate) fn segments(key: &str) -> Segments<'_> {
    Segments { rest: (!key.is_empty()).then_some(key) }
}

pub(crate) struct Segments<'k> {
    rest: Option<&'k str>,
}

impl<'k> Iterator for Segments<'k> {
    type Item = &'k str;

    fn next(&mut self) -> Option<&'k str> {
        let rest = self.rest?;
        if let Some((segment, after)) = rest.strip_prefix('"').and_then(|quoted| quoted.split_once('"')) {
            self.rest = after.strip_prefix('.');
            return Some(segment);
        }
        let (segment, after) =
            rest.split_once('.').map_or((rest, None), |(segment, after)| (segment, Some(after)));
        self.rest = after;
        Some(segment)
    }
}

/// The dotted key of a path, quoted where a segment needs it.
pub(crate) fn join<S: AsRef<str>>(path: &[S]) -> String {
    let mut key = String::new();
    for segment in path {
        push(&mut key, segment.as_ref());
    }
    key
}

/// Appends one segment to a dotted key.
pub(crate) fn push(key: &mut String, segment: &str) {
    if !key.is_empty() {
        key.push('.');
    }
    if segment.is_empty() || segment.contains('.') || segment.starts_with('"') {
        key.push('"');
        key.push_str(segment);
        key.push('"');
    } else {
        key.push_str(segment);
    }
}

/// The common form of the spellings of one name: `maxConnections`, `max-connections` and `MAX_CONNECTIONS` are the same.
pub(crate) fn folded(segment: &str) -> String {
    folded_characters(segment).collect()
}

/// Whether two names are spellings of one.
pub(crate) fn is_alike(one: &str, other: &str) -> bool {
    folded_characters(one).eq(folded_characters(other))
}

fn folded_characters(segment: &str) -> impl Iterator<Item = char> {
    segment.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase)
}

/// A key as it is shown: the start of one that is too long for a message.
pub(crate) fn shortened(key: &str) -> std::borrow::Cow<'_, str> {
    const LONGEST: usize = 200;
    match key.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", key.get(..end).unwrap_or_default()).into(),
        None => key.into(),
    }
}

/// The environment variable that sets a key, or `None` when no variable can (a segment holds a dot, say).
pub(crate) fn variable<S: AsRef<str>>(prefix: &str, path: &[S]) -> Option<String> {
    let mut name = prefix.to_owned();
    for (index, segment) in path.iter().enumerate() {
        let segment = segment.as_ref();
        let usable = !segment.is_empty()
            && !segment.contains("__")
            && !segment.ends_with('_')
            && segment.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        if !usable {
            return None;
        }
        if index > 0 {
            name.push_str("__");
        }
        name.extend(segment.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_uppercase() }));
    }
    (!path.is_empty()).then_some(name)
}

/// The path that a variable sets, once its prefix is gone: `DATABASE__MAX_CONNECTIONS` is `database.max_connections`.
/// `None` when a segment is empty.
pub(crate) fn path_of_variable(name: &str) -> Option<Vec<String>> {
    let path: Vec<String> = name.split("__").map(str::to_lowercase).collect();
    path.iter().all(|segment| !segment.is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(key: &str) -> Vec<&str> {
        segments(key).collect()
    }

    #[test]
    fn keys_that_contain_dots_are_reachable_in_quotes() {
        assert_eq!(split("hosts.\"example.com\".port"), ["hosts", "example.com", "port"]);
        assert_eq!(join(&["hosts", "example.com", "port"]), "hosts.\"example.com\".port");
        assert_eq!(split(""), [""; 0]);
        assert_eq!(split("a"), ["a"]);
        assert_eq!(split("a."), ["a", ""]);
    }

    #[test]
    fn two_underscores_nest_and_one_does_not() {
        assert_eq!(path_of_variable("DATABASE__MAX_CONNECTIONS").unwrap(), ["database", "max_connections"]);
        assert_eq!(
            variable("APP_", &["database", "max_connections"]).unwrap(),
            "APP_DATABASE__MAX_CONNECTIONS"
        );
        assert_eq!(path_of_variable("A__"), None);
        assert_eq!(path_of_variable(""), None);
        assert_eq!(path_of_variable("A____B"), None);
    }

    #[test]
    fn a_name_that_no_variable_can_carry_has_none() {
        assert_eq!(variable("APP_", &["hosts", "example.com"]), None);
        assert_eq!(variable("APP_", &["a__b"]), None);
        assert_eq!(variable::<&str>("APP_", &[]), None);
        assert_eq!(variable("APP_", &["max-connections"]).unwrap(), "APP_MAX_CONNECTIONS");
    }

    #[test]
    fn spellings_fold_together() {
        assert_eq!(folded("maxConnections"), folded("MAX_CONNECTIONS"));
        assert_eq!(folded("max-connections"), folded("max_connections"));
    }

    proptest! {
        #[test]
        fn no_key_panics(key in "\\PC*|[a-z.\"]{0,12}") {
            drop(segments(&key).collect::<Vec<_>>());
        }

        #[test]
        fn a_joined_path_splits_into_itself(path in prop::collection::vec("[a-z_.]{1,8}", 1..5)) {
            let joined = join(&path);
            prop_assert_eq!(segments(&joined).collect::<Vec<_>>(), path);
        }

        #[test]
        fn a_variable_leads_back_to_its_key(path in prop::collection::vec("[a-z][a-z0-9]{0,4}(_[a-z0-9]{1,4}){0,2}", 1..4)) {
            let name = variable("APP_", &path).unwrap();
            prop_assert_eq!(path_of_variable(name.strip_prefix("APP_").unwrap()).unwrap(), path);
        }
    }
}
