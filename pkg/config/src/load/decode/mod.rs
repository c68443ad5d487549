//! From a tree of values to a type, with every problem in one run.
//!
//! A serde visitor gives up at the first error, so one pass finds one problem. The driver below therefore decodes again with
//! the failed key left out (its default steps in) or replaced by a placeholder, until a pass succeeds. The recovered value is
//! good for one thing: running the checks of [`Validate`](crate::Validate) on the keys that were fine.

mod access;
mod de;
mod error;
mod leak;
mod pass;
mod placeholder;
mod probe;
mod text;
mod variant;

use std::any::type_name;

use serde::de::DeserializeOwned;

use self::de::De;
pub(crate) use self::error::Problem;
pub(crate) use self::leak::{leaf_name, leaks};
use self::pass::{Amendment, Amendments, Mode, Notes, Pass};
use self::placeholder::Placeholder;
use self::probe::{Finding, probe};
use crate::Value;
use crate::load::path::Path;

/// Placeholders do not follow a recursive type further than this.
const MAX_DEPTH: usize = 64;

/// A configuration with more problems than this is reported in part.
const MAX_PASSES: usize = 1024;

/// What decoding found.
pub(crate) struct Outcome<T> {
    /// The value, with placeholders where there were problems; `None` when no placeholder fits.
    pub(crate) value: Option<T>,
    /// The same with the largest placeholders instead of the smallest; only when there were problems.
    pub(crate) high: Option<T>,
    pub(crate) problems: Vec<(Vec<String>, Problem)>,
    pub(crate) unknown: Vec<(Vec<String>, &'static [&'static str])>,
    pub(crate) secrets: Vec<String>,
}

/// Decodes `value`.
pub(crate) fn decode<T: DeserializeOwned>(value: &Value) -> Outcome<T> {
    let mut amendments = Amendments::new();
    let mut outcome =
        Outcome { value: None, high: None, problems: Vec::new(), unknown: Vec::new(), secrets: Vec::new() };
    for _ in 0..MAX_PASSES {
        let (result, notes) = one_pass(value, &amendments, Mode::Low);
        outcome.take(notes);
        let (path, problem) = match result {
            Ok(decoded) => {
                outcome.value = Some(decoded);
                break;
            }
            Err(failure) => failure,
        };
        match behind::<T>(value, &amendments, &path, &problem) {
            Some(Finding::Means(at, value)) => drop(amendments.insert(at, Amendment::Put(value))),
            Some(Finding::Culprit(failure, value)) => {
                amendments.insert(failure.0.clone(), Amendment::Put(value));
                outcome.problems.push(failure);
            }
            None if amend(&mut amendments, &mut outcome.problems, path, problem) => {}
            None => break,
        }
    }
    if !outcome.problems.is_empty() && outcome.value.is_some() {
        outcome.high = one_pass(value, &amendments, Mode::High).0.ok();
    }
    outcome
}

/// The buffered value behind a failure, if there is one.
fn behind<T: DeserializeOwned>(
    value: &Value,
    amendments: &Amendments,
    path: &[String],
    problem: &Problem,
) -> Option<Finding> {
    if !matches!(problem, Problem::Shape(_)) {
        return None;
    }
    let (_, notes) = one_pass::<T>(value, amendments, Mode::Probing);
    let again = |amendments: &Amendments| one_pass::<T>(value, amendments, Mode::Low).0.err();
    probe(value, amendments, path, notes.buffered, again)
}

type Failure = (Vec<String>, Problem);

fn one_pass<T: DeserializeOwned>(
    value: &Value,
    amendments: &Amendments,
    mode: Mode,
) -> (Result<T, Failure>, Notes) {
    let pass = Pass::new(amendments, mode);
    let result = T::deserialize(De::root(&pass, &Path::Root, value))
        .map_err(|error| error.at(Path::Root, type_name::<T>()).into_parts());
    (result, pass.into_notes())
}

/// Prepares the next pass. False when there is nothing left to try.
fn amend(
    amendments: &mut Amendments,
    problems: &mut Vec<Failure>,
    path: Vec<String>,
    problem: Problem,
) -> bool {
    let missing = matches!(problem, Problem::Missing(_));
    if let Some((_, amendment)) = amendments.iter_mut().find(|(at, _)| path.starts_with(at)) {
        let next = match amendment {
            Amendment::Put(_) => None,
            Amendment::Omit => Some(Amendment::Replace(Placeholder::FIRST)),
            Amendment::Replace(placeholder) => placeholder.next().map(Amendment::Replace),
            Amendment::Add(placeholder) => placeholder.next().map(Amendment::Add),
        };
        return next.map(|next| *amendment = next).is_some();
    }
    // A block that refuses what was put into it refuses the placeholder, not the configuration.
    let blames_a_placeholder = !missing && amendments.keys().any(|at| at.starts_with(&path));
    let first = if missing { Amendment::Add(Placeholder::FIRST) } else { Amendment::Omit };
    amendments.insert(path.clone(), first);
    if !blames_a_placeholder {
        problems.push((path, problem));
    }
    true
}

impl<T> Outcome<T> {
    fn take(&mut self, notes: Notes) {
        for unknown in notes.unknown {
            if !self.unknown.iter().any(|(path, _)| *path == unknown.0) {
                self.unknown.push(unknown);
            }
        }
        for secret in notes.secrets {
            if !self.secrets.contains(&secret) {
                self.secrets.push(secret);
            }
        }
    }
}
