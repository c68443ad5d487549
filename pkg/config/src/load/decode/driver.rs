//! Decodes until every problem is known.
//!
//! A serde visitor gives up at the first error, so one pass finds one problem. The driver decodes again with the failed key left
//! out (its default applies) or replaced by a placeholder, until a pass succeeds. The value that comes of it serves only to run
//! the checks of [`Validate`](crate::Validate) on the keys that have no problem.

use std::any::type_name;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use serde::de::DeserializeOwned;

use super::amend::{Amendment, Amendments};
use super::de::De;
use super::doubt::Seen;
use super::error::{Failure, Problem};
use super::pass::{Mode, Notes, Pass};
use super::placeholder::Placeholder;
use super::represent::forms;
use super::search::{Search, SearchOutcome};
use super::steps::Found;
use super::text::{self, inside};
use super::trace::{self, Expectation};
use crate::Value;
use crate::load::path::KeyPath;

/// The work of one decoding, in values visited. It bounds the passes: their number times the size of the configuration.
const MAX_WORK: usize = 400_000;
/// The bounds of the number of passes.
const PASSES: std::ops::RangeInclusive<usize> = 16..=2048;

/// What decoding found.
pub(crate) struct Outcome<T> {
    /// The value, with placeholders where there were problems; `None` when no placeholder fits.
    pub(crate) value: Option<T>,
    /// The same with the largest placeholders instead of the smallest; only when there were problems.
    pub(crate) high: Option<T>,
    pub(crate) problems: Vec<(Vec<String>, Problem)>,
    pub(crate) unknown: Vec<(Vec<String>, &'static [&'static str])>,
    /// The keys of secrets.
    pub(crate) secrets: BTreeSet<String>,
    /// Keys that may hold a secret: their type is hidden, or they were not decoded.
    pub(crate) doubtful: BTreeSet<String>,
    /// There may be more problems than these: the passes were used up.
    pub(crate) is_cut_short: bool,
}

/// Decodes `value`.
pub(crate) fn decode<T: DeserializeOwned>(value: &Value) -> Outcome<T> {
    Driver::<T>::new(value).run()
}

struct Driver<'d, T> {
    root: &'d Value,
    passes: usize,
    amendments: Amendments,
    /// Paths whose swallowed refusals have been searched.
    searched: BTreeSet<Vec<String>>,
    known: HashSet<Vec<String>>,
    failed: HashSet<Vec<String>>,
    seen: Seen,
    outcome: Outcome<T>,
}

impl<'d, T: DeserializeOwned> Driver<'d, T> {
    fn new(root: &'d Value) -> Self {
        Self {
            root,
            passes: (MAX_WORK / root.size()).clamp(*PASSES.start(), *PASSES.end()),
            amendments: Amendments::default(),
            searched: BTreeSet::new(),
            known: HashSet::new(),
            failed: HashSet::new(),
            seen: Seen::default(),
            outcome: Outcome {
                value: None,
                high: None,
                problems: Vec::new(),
                unknown: Vec::new(),
                secrets: BTreeSet::new(),
                doubtful: BTreeSet::new(),
                is_cut_short: false,
            },
        }
    }

    fn run(mut self) -> Outcome<T> {
        loop {
            if self.passes == 0 {
                self.outcome.is_cut_short = true;
                break;
            }
            self.passes -= 1;
            let (result, found) = one_pass::<T>(self.root, &self.amendments, Mode::Low);
            let (result, notes) = (result.ok(), found.notes);
            let next = match &found.failure {
                None => self.swallowed(&notes).is_some_and(|scope| self.search_choices(&scope, &notes)),
                Some(failure) => self.recover(failure, &notes),
            };
            self.take(notes);
            if !next {
                self.outcome.value = result;
                break;
            }
        }
        if !self.outcome.problems.is_empty() && self.outcome.value.is_some() {
            self.outcome.high = one_pass(self.root, &self.amendments, Mode::High).0.ok();
        }
        let mut outcome = self.outcome;
        outcome.doubtful.extend(self.seen.doubtful(self.root, &outcome.problems, &outcome.unknown));
        if outcome.value.is_none() {
            outcome.doubtful.insert(String::new()); // everything
        }
        outcome
    }

    /// A value that was decoded although a type refused a part of it, and that may fit an earlier variant in another form.
    fn swallowed(&self, notes: &Notes) -> Option<Vec<String>> {
        let untyped = |path: &&Vec<String>| !self.searched.contains(*path) && is_untyped(self.root, path);
        notes.swallowed.iter().find(untyped).cloned()
    }

    /// True when another pass is due.
    fn search_choices(&mut self, scope: &[String], notes: &Notes) -> bool {
        self.searched.insert(scope.to_vec());
        let before = self.amendments.clone();
        let (outcome, asked) = self.search(scope);
        match outcome {
            SearchOutcome::Resolved => self.repeat(scope, notes, &asked),
            SearchOutcome::Culprit(_) | SearchOutcome::Refused => self.amendments = before,
            SearchOutcome::Exhausted => {
                self.amendments = before;
                self.exhausted(scope);
            }
        }
        true
    }

    /// Prepares the next pass after a failure. False when there is nothing left to try.
    fn recover(&mut self, failure: &Failure, notes: &Notes) -> bool {
        let scope = match (&failure.problem, failure.path.split_last()) {
            (Problem::Missing(_), Some((_, parent))) => parent,
            _ => &failure.path,
        };
        if notes.buffered.iter().any(|at| at.starts_with(scope)) {
            let before = self.amendments.clone();
            match self.search(scope).0 {
                SearchOutcome::Resolved if self.amendments.differ_from(&before) => return true,
                SearchOutcome::Resolved => {}
                SearchOutcome::Culprit(Failure { path, problem: Problem::Unknown(fields), .. }) => {
                    self.note_unknown(path, fields);
                    return true;
                }
                SearchOutcome::Culprit(failure) => {
                    self.note_problem(&failure.path, &failure.problem);
                    return true;
                }
                SearchOutcome::Refused => self.amendments = before,
                SearchOutcome::Exhausted => {
                    self.amendments = before;
                    return self.exhausted(scope);
                }
            }
        }
        self.amend(&failure.path, &failure.problem)
    }

    /// The items of a list have one type: an item takes the form that the search found for another one, unless it would fit an
    /// earlier variant.
    fn repeat(&mut self, scope: &[String], notes: &Notes, asked: &[Expectation]) {
        let Some((_, list)) = scope.split_last() else { return };
        let items = match inside(self.root, list).map(Cow::into_owned) {
            Some(Value::List(items)) => items,
            Some(Value::Text(text)) => text::list(&text).unwrap_or_default(),
            _ => return,
        };
        let item = |path: &[String]| items.get(path.last()?.parse::<usize>().ok()?);
        let first_form = |value: &Value| {
            let mut forms = asked.iter().enumerate().map(|(index, expected)| (index, forms(value, expected)));
            forms.find_map(|(index, forms)| Some((index, forms.into_iter().flatten().next()?)))
        };
        let Some((chosen, form)) = item(scope).and_then(first_form) else { return };
        if self.amendments.get(scope) != Some(&Amendment::Put(form)) {
            return;
        }
        for other in
            notes.swallowed.iter().filter(|other| other.split_last().is_some_and(|(_, above)| above == list))
        {
            let form = item(other)
                .and_then(first_form)
                .filter(|(index, form)| *index == chosen && *form != Value::Null);
            if let Some((_, form)) = form.filter(|_| self.amendments.get(other).is_none()) {
                self.amendments.insert(other.clone(), Amendment::Put(form));
                self.searched.insert(other.clone());
            }
        }
    }

    fn search(&mut self, scope: &[String]) -> (SearchOutcome, Vec<Expectation>) {
        let (root, passes) = (self.root, &mut self.passes);
        let mut run = |amendments: &Amendments, mode: Mode<'_>| {
            *passes = passes.checked_sub(1)?;
            Some(one_pass::<T>(root, amendments, mode).1)
        };
        let mut search = Search { root, scope, run: &mut run, asked: None };
        let outcome = search.resolve(&mut self.amendments);
        (outcome, search.asked.unwrap_or_default())
    }

    fn exhausted(&mut self, scope: &[String]) -> bool {
        let message = "has too many values below `flatten`, or in tagged or untagged enums, to find the types of all: \
            nest them in a struct of their own";
        self.note_problem(scope, &Problem::Shape(message.to_owned()));
        false
    }

    fn amend(&mut self, path: &[String], problem: &Problem) -> bool {
        let missing = matches!(problem, Problem::Missing(_));
        let blames_a_placeholder = !missing && self.amendments.has_placeholder_below(path);
        let mut is_new = !blames_a_placeholder;
        if let Some(amendment) = self.amendments.covering(path) {
            let next = match amendment {
                Amendment::Omit | Amendment::StandIn(_) => Some(Amendment::Replace(Placeholder::FIRST)),
                Amendment::Replace(placeholder) => placeholder.next().map(Amendment::Replace),
                Amendment::Add(placeholder) => placeholder.next().map(Amendment::Add),
                Amendment::Put(_) | Amendment::Keep => Some(Amendment::Omit),
                Amendment::AddValue(_) => None,
            };
            is_new &= matches!(amendment, Amendment::Put(_) | Amendment::Keep);
            let Some(next) = next else { return false };
            *amendment = next;
        } else {
            let first = if missing { Amendment::Add(Placeholder::FIRST) } else { Amendment::Omit };
            self.amendments.insert(path.to_vec(), first);
        }
        if is_new {
            self.note_problem(path, problem);
        }
        true
    }

    /// The first problem of a key counts: the later ones come from what took its place.
    fn note_problem(&mut self, path: &[String], problem: &Problem) {
        if self.failed.insert(path.to_vec()) {
            self.outcome.problems.push((path.to_vec(), problem.clone()));
        }
    }

    fn take(&mut self, notes: Notes) {
        for (path, fields) in notes.unknown {
            self.note_unknown(path, fields);
        }
        self.outcome.secrets.extend(notes.secrets);
        self.outcome.doubtful.extend(notes.hidden);
        self.seen.split.extend(notes.split);
        self.seen.buffered.extend(notes.buffered);
    }

    fn note_unknown(&mut self, path: Vec<String>, fields: &'static [&'static str]) {
        if self.known.insert(path.clone()) {
            self.outcome.unknown.push((path, fields));
        }
    }
}

/// Whether some of a value came as text.
fn is_untyped(root: &Value, path: &[String]) -> bool {
    match root.at_path(path) {
        Some(value) => value.holds_text(),
        None => inside(root, path).is_some(),
    }
}

fn one_pass<T: DeserializeOwned>(
    value: &Value,
    amendments: &Amendments,
    mode: Mode<'_>,
) -> (Result<T, ()>, Found) {
    let pass = Pass::new(amendments, mode);
    let root = KeyPath::Root;
    let (result, requests) = trace::during(|| {
        let mark = pass.mark();
        let result = T::deserialize(De::root(&pass, &root, value));
        pass.finish(root, mark, result.is_ok());
        result
    });
    let (result, failure) = match result {
        Ok(value) => (Ok(value), None),
        Err(error) => (Err(()), Some(error.at(root, type_name::<T>()).into_failure())),
    };
    (result, Found { failure, requests, notes: pass.into_notes() })
}
