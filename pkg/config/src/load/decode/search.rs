//! Finds the types of values that serde buffers before a field sees them.
//!
//! A pass puts a token in place of each buffered value. The first type that reads one refuses it, and the error names the token
//! and the type ([`trace`](super::trace)). The next pass gives that value in a form that the type accepts, and so on: one pass
//! for each value that is read. An untagged enum swallows refusals and tries the next variant, so a refusal there is a choice,
//! and the search goes through the choices in the order in which the variants stand.

use std::borrow::Cow;

use super::amend::{Amendment, Amendments};
use super::error::{Failure, Problem};
use super::pass::Mode;
use super::placeholder::Placeholder;
use super::represent::{is_plain, refusal, stand_ins};
use super::steps::{Form, Found, Step, current, steps};
use super::trace::{Expectation, TypeRequest};
use crate::Value;

/// The outcome of a search.
pub(super) enum SearchOutcome {
    /// Every buffered value that is read has a form that its type accepts.
    Resolved,
    /// A value is wrong. A stand-in takes its place, so that the next problem can be found.
    Culprit(Failure),
    /// The whole is refused, and no part of it can be named.
    Refused,
    /// The passes are used up.
    Exhausted,
}

pub(super) struct Search<'s> {
    pub(super) root: &'s Value,
    /// The path whose type buffers.
    pub(super) scope: &'s [String],
    /// Runs a pass; `None` when there is none left.
    pub(super) run: &'s mut dyn FnMut(&Amendments, Mode<'_>) -> Option<Found>,
    /// What the variants of the type at `scope` said to its token, in their order.
    pub(super) asked: Option<Vec<Expectation>>,
}

impl Search<'_> {
    pub(super) fn resolve(&mut self, amendments: &mut Amendments) -> SearchOutcome {
        let mut last: Option<Step> = None;
        loop {
            let Some(found) = (self.run)(amendments, Mode::Searching(self.scope)) else {
                return SearchOutcome::Exhausted;
            };
            self.asked.get_or_insert_with(|| found.expectations_at(self.scope));
            let Some(failure) = &found.failure else {
                return if found.requests.is_empty() {
                    SearchOutcome::Resolved
                } else {
                    self.choose(amendments, &found, SearchOutcome::Resolved)
                };
            };
            if !self.concerns(failure) {
                return SearchOutcome::Resolved;
            }
            if let Problem::Missing(field) = &failure.problem {
                return self.missing(amendments, failure, field, last.as_ref());
            }
            let is_swallowed = failure.request.is_none() || found.requests.len() > 1;
            let mut steps = match &failure.request {
                Some(request) if !is_swallowed => steps(self.root, amendments, &found.notes, request),
                _ if !found.requests.is_empty() => {
                    return self.choose(amendments, &found, SearchOutcome::Refused);
                }
                _ => return self.blame(amendments, failure, last.as_ref()),
            };
            if steps.len() > 1 {
                return self.first_that_fits(amendments, failure, steps, &found);
            }
            match steps.pop() {
                Some(step) => {
                    step.apply(amendments);
                    last = Some(step);
                }
                None => return self.no_form(amendments, failure, &found, last.as_ref()),
            }
        }
    }

    /// Whether a failure is one of the buffered values; another one is left to the caller.
    fn concerns(&self, failure: &Failure) -> bool {
        let missing = matches!(&failure.problem, Problem::Missing(_))
            && failure.path.split_last().is_some_and(|(_, parent)| parent == self.scope);
        missing
            || failure.path == self.scope
            || (failure.request.is_some() && failure.path.starts_with(self.scope))
    }

    /// Goes through the refusals that an untagged enum swallowed; `otherwise` when no choice leads further.
    fn choose(
        &mut self,
        amendments: &mut Amendments,
        found: &Found,
        otherwise: SearchOutcome,
    ) -> SearchOutcome {
        let mut seen: Vec<&TypeRequest> = Vec::new();
        for request in &found.requests {
            if seen.contains(&request) {
                continue;
            }
            seen.push(request);
            for step in steps(self.root, amendments, &found.notes, request) {
                let before = amendments.clone();
                step.apply(amendments);
                match self.resolve(amendments) {
                    SearchOutcome::Resolved => return SearchOutcome::Resolved,
                    SearchOutcome::Exhausted => return SearchOutcome::Exhausted,
                    SearchOutcome::Culprit(_) | SearchOutcome::Refused => *amendments = before,
                }
            }
        }
        otherwise
    }

    /// Tries the forms of one value; the first that its type does not refuse at once counts.
    fn first_that_fits(
        &mut self,
        amendments: &mut Amendments,
        failure: &Failure,
        steps: Vec<Step>,
        found: &Found,
    ) -> SearchOutcome {
        let path = steps.first().map(|step| step.path.clone()).unwrap_or_default();
        for step in steps {
            let before = amendments.clone();
            step.apply(amendments);
            match self.resolve(amendments) {
                SearchOutcome::Refused => *amendments = before,
                SearchOutcome::Culprit(culprit) if culprit.path == path => *amendments = before,
                outcome => return outcome,
            }
        }
        self.no_form(amendments, failure, found, None)
    }

    /// A value fits in no form, or a key is none of the type's.
    fn no_form(
        &mut self,
        amendments: &mut Amendments,
        failure: &Failure,
        found: &Found,
        last: Option<&Step>,
    ) -> SearchOutcome {
        match &failure.request {
            Some(TypeRequest::Token { id, expected }) => {
                let Some(path) = found.notes.buffered.get(*id).cloned() else {
                    return SearchOutcome::Refused;
                };
                let Some(value) = current(self.root, amendments, &path) else {
                    return SearchOutcome::Refused;
                };
                let problem = Problem::Shape(refusal(&value, expected));
                self.stand_in(amendments, &path, expected, failure);
                SearchOutcome::Culprit(Failure { path, problem, request: None })
            }
            Some(TypeRequest::Text { text, expected: Expectation::Field(fields) }) => {
                let key = found.notes.keys.iter().find(|path| path.last() == Some(text));
                let Some(path) = key.cloned() else { return SearchOutcome::Refused };
                amendments.insert(path.clone(), Amendment::Omit);
                SearchOutcome::Culprit(Failure { path, problem: Problem::Unknown(fields), request: None })
            }
            Some(TypeRequest::Text { text, expected: expected @ Expectation::OneOf(_) }) => {
                let is_named = |path: &&Vec<String>| match current(self.root, amendments, path).as_deref() {
                    Some(Value::Text(name) | Value::String(name)) => name == text,
                    _ => false,
                };
                let named = found.notes.buffered.iter().rev().find(is_named).cloned();
                let Some(path) = named else { return self.blame(amendments, failure, last) };
                self.stand_in(amendments, &path, expected, failure);
                SearchOutcome::Culprit(Failure { path, problem: failure.problem.clone(), request: None })
            }
            _ => self.blame(amendments, failure, last),
        }
    }

    /// The type of the value that was given last refuses it, unless the failure stays with other values in its place.
    fn blame(
        &mut self,
        amendments: &mut Amendments,
        failure: &Failure,
        last: Option<&Step>,
    ) -> SearchOutcome {
        let Some(Step { path, form: Form::Value(_), expected }) = last else { return SearchOutcome::Refused };
        let before = amendments.clone();
        let problem = match (&failure.problem, current(self.root, &before, path)) {
            (Problem::Shape(_), Some(value)) if is_plain(expected) => {
                Some(Problem::Shape(refusal(&value, expected)))
            }
            _ => None,
        };
        if !self.stand_in(amendments, path, expected, failure) {
            *amendments = before;
            return SearchOutcome::Refused;
        }
        let problem = problem.unwrap_or_else(|| failure.problem.clone());
        SearchOutcome::Culprit(Failure { path: path.clone(), problem, request: None })
    }

    /// Puts something else in place of a value. False when the failure stays.
    fn stand_in(
        &mut self,
        amendments: &mut Amendments,
        path: &[String],
        expected: &Expectation,
        failure: &Failure,
    ) -> bool {
        let values = stand_ins(expected).into_iter().map(Amendment::StandIn);
        for amendment in values.chain([Amendment::Omit]) {
            amendments.insert(path.to_vec(), amendment);
            let Some(found) = (self.run)(amendments, Mode::Searching(self.scope)) else { return false };
            let stays = |now: &Failure| {
                now.path == failure.path && (now.problem == failure.problem || now.request.is_none())
            };
            if !found.failure.as_ref().is_some_and(stays) {
                return true;
            }
        }
        false
    }

    /// Finds the table that lacks a key: the error of a buffered struct does not say.
    fn missing(
        &mut self,
        amendments: &mut Amendments,
        failure: &Failure,
        field: &str,
        last: Option<&Step>,
    ) -> SearchOutcome {
        let deepest = last.map_or(self.scope, |step| step.path.as_slice());
        for length in (self.scope.len()..=deepest.len()).rev() {
            let Some(table) = deepest.get(..length) else { continue };
            let put = match amendments.get(table) {
                Some(Amendment::Put(value)) => Some(Cow::Borrowed(value)),
                _ => current(self.root, amendments, table),
            };
            let Some(Value::Table(entries)) = put.as_deref() else { continue };
            // Text has no case, so the key may be there in another spelling.
            let alike = entries.iter().find(|(key, value)| {
                key.as_str() != field && value.holds_text() && crate::load::key::is_alike(key, field)
            });
            let alike = alike.map(|(key, _)| key.clone());
            let before = amendments.clone();
            if let Some(key) = alike {
                amendments.put_key(below(table, &key), Value::from(field));
                match (self.run)(amendments, Mode::Searching(self.scope)) {
                    None => return SearchOutcome::Exhausted,
                    Some(found) if found.failure.as_ref() != Some(failure) => {
                        return self.resolve(amendments);
                    }
                    Some(_) => *amendments = before.clone(),
                }
            }
            let path = below(table, field);
            amendments.insert(path.clone(), Amendment::Add(Placeholder::FIRST));
            match (self.run)(amendments, Mode::Searching(self.scope)) {
                None => return SearchOutcome::Exhausted,
                Some(found) if found.failure.as_ref() != Some(failure) => {
                    return SearchOutcome::Culprit(Failure {
                        path,
                        problem: failure.problem.clone(),
                        request: None,
                    });
                }
                Some(_) => *amendments = before,
            }
        }
        SearchOutcome::Refused
    }
}

fn below(table: &[String], key: &str) -> Vec<String> {
    table.iter().cloned().chain([key.to_owned()]).collect()
}
