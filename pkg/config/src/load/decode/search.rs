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
use super::trace::{Ask, Expectation};
use crate::Value;

/// The outcome of a search.
pub(super) enum Verdict {
    /// Every buffered value that is read has a form that its type accepts.
    Settled,
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
    pub(super) fn settle(&mut self, amendments: &mut Amendments) -> Verdict {
        let mut last: Option<Step> = None;
        loop {
            let Some(found) = (self.run)(amendments, Mode::Searching(self.scope)) else {
                return Verdict::Exhausted;
            };
            self.asked.get_or_insert_with(|| found.expectations_at(self.scope));
            let Some(failure) = &found.failure else {
                return if found.asks.is_empty() {
                    Verdict::Settled
                } else {
                    self.choose(amendments, &found, Verdict::Settled)
                };
            };
            if !self.concerns(failure) {
                return Verdict::Settled;
            }
            if let Problem::Missing(field) = &failure.problem {
                return self.missing(amendments, failure, field, last.as_ref());
            }
            let is_swallowed = failure.ask.is_none() || found.asks.len() > 1;
            let mut steps = match &failure.ask {
                Some(ask) if !is_swallowed => steps(self.root, amendments, &found.notes, ask),
                _ if !found.asks.is_empty() => return self.choose(amendments, &found, Verdict::Refused),
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
            || (failure.ask.is_some() && failure.path.starts_with(self.scope))
    }

    /// Goes through the refusals that an untagged enum swallowed; `otherwise` when no choice leads further.
    fn choose(&mut self, amendments: &mut Amendments, found: &Found, otherwise: Verdict) -> Verdict {
        let mut seen: Vec<&Ask> = Vec::new();
        for ask in &found.asks {
            if seen.contains(&ask) {
                continue;
            }
            seen.push(ask);
            for step in steps(self.root, amendments, &found.notes, ask) {
                let before = amendments.clone();
                step.apply(amendments);
                match self.settle(amendments) {
                    Verdict::Settled => return Verdict::Settled,
                    Verdict::Exhausted => return Verdict::Exhausted,
                    Verdict::Culprit(_) | Verdict::Refused => *amendments = before,
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
    ) -> Verdict {
        let path = steps.first().map(|step| step.path.clone()).unwrap_or_default();
        for step in steps {
            let before = amendments.clone();
            step.apply(amendments);
            match self.settle(amendments) {
                Verdict::Refused => *amendments = before,
                Verdict::Culprit(culprit) if culprit.path == path => *amendments = before,
                verdict => return verdict,
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
    ) -> Verdict {
        match &failure.ask {
            Some(Ask::Token { id, expected }) => {
                let Some(path) = found.notes.buffered.get(*id).cloned() else { return Verdict::Refused };
                let Some(value) = current(self.root, amendments, &path) else { return Verdict::Refused };
                let problem = Problem::Shape(refusal(&value, expected));
                self.stand_in(amendments, &path, expected, failure);
                Verdict::Culprit(Failure { path, problem, ask: None })
            }
            Some(Ask::Text { text, expected: Expectation::Field(fields) }) => {
                let key = found.notes.keys.iter().find(|path| path.last() == Some(text));
                let Some(path) = key.cloned() else { return Verdict::Refused };
                amendments.insert(path.clone(), Amendment::Omit);
                Verdict::Culprit(Failure { path, problem: Problem::Unknown(fields), ask: None })
            }
            Some(Ask::Text { text, expected: expected @ Expectation::OneOf(_) }) => {
                let is_named = |path: &&Vec<String>| match current(self.root, amendments, path).as_deref() {
                    Some(Value::Text(name) | Value::String(name)) => name == text,
                    _ => false,
                };
                let named = found.notes.buffered.iter().rev().find(is_named).cloned();
                let Some(path) = named else { return self.blame(amendments, failure, last) };
                self.stand_in(amendments, &path, expected, failure);
                Verdict::Culprit(Failure { path, problem: failure.problem.clone(), ask: None })
            }
            _ => self.blame(amendments, failure, last),
        }
    }

    /// The type of the value that was given last refuses it, unless the failure stays with other values in its place.
    fn blame(&mut self, amendments: &mut Amendments, failure: &Failure, last: Option<&Step>) -> Verdict {
        let Some(Step { path, form: Form::Value(_), expected }) = last else { return Verdict::Refused };
        let before = amendments.clone();
        let problem = match (&failure.problem, current(self.root, &before, path)) {
            (Problem::Shape(_), Some(value)) if is_plain(expected) => {
                Some(Problem::Shape(refusal(&value, expected)))
            }
            _ => None,
        };
        if !self.stand_in(amendments, path, expected, failure) {
            *amendments = before;
            return Verdict::Refused;
        }
        let problem = problem.unwrap_or_else(|| failure.problem.clone());
        Verdict::Culprit(Failure { path: path.clone(), problem, ask: None })
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
                now.path == failure.path && (now.problem == failure.problem || now.ask.is_none())
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
    ) -> Verdict {
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
                    None => return Verdict::Exhausted,
                    Some(found) if found.failure.as_ref() != Some(failure) => return self.settle(amendments),
                    Some(_) => *amendments = before.clone(),
                }
            }
            let path = below(table, field);
            amendments.insert(path.clone(), Amendment::Add(Placeholder::FIRST));
            match (self.run)(amendments, Mode::Searching(self.scope)) {
                None => return Verdict::Exhausted,
                Some(found) if found.failure.as_ref() != Some(failure) => {
                    return Verdict::Culprit(Failure { path, problem: failure.problem.clone(), ask: None });
                }
                Some(_) => *amendments = before,
            }
        }
        Verdict::Refused
    }
}

fn below(table: &[String], key: &str) -> Vec<String> {
    table.iter().cloned().chain([key.to_owned()]).collect()
}
