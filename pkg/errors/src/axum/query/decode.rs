use serde::de::DeserializeOwned;
use serde::de::value::Error as SerdeError;
use serde_path_to_error::Error as AtPath;

use super::super::rejection::Finding;
use super::pairs::{Pairs, Part};
use crate::{Error, code};

/// Of how many names and values both forms are tried.
const MAX_OPEN: usize = 32;
/// Of how many an untagged enum gets every combination: each one doubles the number of attempts.
const MAX_UNTAGGED: usize = 4;

/// Decodes a query string, percent-encoded as in a URL.
pub(in crate::axum) fn decode<T: DeserializeOwned>(query: &str) -> Result<T, Error> {
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (Part::new(name), Part::new(value)))
        .collect();
    decode_pairs(&pairs).map_err(|error| {
        let message = error.inner().to_string();
        let mut finding = Finding::new(error.path(), &message);
        if let Some(name) = quoted::<T>(&pairs, &message) {
            finding = finding.at(name);
        }
        Error::bad_request("the query string does not have the expected shape")
            .code(code::INVALID_QUERY)
            .with_violation(finding.in_parameter())
    })
}

fn decode_pairs<T: DeserializeOwned>(pairs: &[(Part<'_>, Part<'_>)]) -> Result<T, AtPath<SerdeError>> {
    let mut last = match attempt(pairs) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let parts = || pairs.iter().flat_map(|(name, value)| [name, value]);
    let mut open: Vec<_> = parts().filter(|part| part.guess.is_open()).take(MAX_OPEN + 1).collect();
    if open.is_empty() || open.len() > MAX_OPEN {
        return Err(last);
    }
    open.iter().for_each(|part| part.guess.typed.set(true));
    let mut taken_back: Option<&Part<'_>> = None;
    // Each turn makes a part a text or decides on one, so there are at most twice as many as parts.
    for _ in 0..=2 * open.len() {
        last = match attempt(pairs) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let message = last.inner().to_string();
        let expects_text = message.ends_with(", expected a string");
        if let Some(part) = taken_back.take()
            && !expects_text
            && part.guess.is_quoted_in(&part.text, &message)
        {
            // It was another part with the same text.
            part.guess.typed.set(true);
            open.retain(|other| !std::ptr::eq(*other, part));
            continue;
        }
        let wrong =
            |part: &&Part<'_>| part.guess.typed.get() && part.guess.is_quoted_in(&part.text, &message);
        let Some(part) = open.iter().copied().find(wrong).filter(|_| expects_text) else { break };
        part.guess.typed.set(false);
        taken_back = Some(part);
    }
    // An untagged enum does not say what it expected.
    if last.inner().to_string().contains("untagged") {
        let open: Vec<_> = parts().filter(|part| part.guess.is_open()).collect();
        let choices = if open.len() <= MAX_UNTAGGED { 1_usize << open.len() } else { 0 };
        for choice in 0..choices {
            for (index, part) in open.iter().enumerate() {
                part.guess.typed.set(choice & 1 << index != 0);
            }
            if let Ok(value) = attempt(pairs) {
                return Ok(value);
            }
        }
    }
    Err(last)
}

fn attempt<T: DeserializeOwned>(pairs: &[(Part<'_>, Part<'_>)]) -> Result<T, AtPath<SerdeError>> {
    serde_path_to_error::deserialize(Pairs(pairs))
}

/// The name of the parameter whose value the message quotes: below `flatten` serde's path ends above it.
fn quoted<'p, T: DeserializeOwned>(pairs: &'p [(Part<'_>, Part<'_>)], message: &str) -> Option<&'p str> {
    const MAX_ALIKE: usize = 8;
    let is_quoted = |index: &usize| {
        pairs.get(*index).is_some_and(|(_, value)| value.guess.is_quoted_in(&value.text, message))
    };
    let alike: Vec<usize> = (0..pairs.len()).filter(is_quoted).take(MAX_ALIKE).collect();
    let meant = match alike.as_slice() {
        [only] => Some(*only),
        several => several.iter().copied().find(|index| is_meant::<T>(pairs, *index, message)),
    };
    let (name, _) = pairs.get(meant?)?;
    Some(&name.text)
}

/// True where the message changes with this value: of several parameters that have it, serde means this one.
fn is_meant<T: DeserializeOwned>(pairs: &[(Part<'_>, Part<'_>)], index: usize, message: &str) -> bool {
    let other = |(at, (name, value)): (usize, &(Part<'_>, Part<'_>))| {
        let text = if at == index { "\u{1}" } else { &*value.text };
        let copy = Part::new(text.to_owned().into());
        copy.guess.typed.set(value.guess.typed.get());
        (Part::new(name.text.clone().into_owned().into()), copy)
    };
    let changed: Vec<_> = pairs.iter().enumerate().map(other).collect();
    attempt::<T>(&changed).err().is_none_or(|error| error.inner().to_string() != message)
}
