use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::rule::Rule;
use super::source::{Input, Source};
use crate::Violation;
use crate::bounded::BoundedViolations;
use crate::limits::MAX_BODY_PART;

/// Reads a JSON object.
///
/// # Errors
/// Every violation: a value that is no object, what `read` refused, and each field that it did not ask for. At most 100, the
/// last of which says how many more there are.
pub fn json<T>(body: &Value, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T, Vec<Violation>> {
    let mut violations = BoundedViolations::new(MAX_BODY_PART);
    match object(body, String::new(), &mut violations, read) {
        Some(value) if violations.is_empty() => Ok(value),
        _ => Err(violations.finish()),
    }
}

/// Reads the parameters of a query string, decoded pairs of name and value.
///
/// A parameter that is given more than once is refused. The work is linear in the number of pairs.
///
/// # Errors
/// Every violation, in the order of the query, as for [`json`].
///
/// # Examples
/// ```
/// use underpin_errors::input::{self, integer};
///
/// let pairs = [("limit".to_owned(), "many".to_owned()), ("page".to_owned(), "2".to_owned())];
/// let violations = input::query(&pairs, |query| query.optional("limit", integer(1..=100)).unwrap_or(20)).unwrap_err();
/// let found: Vec<_> = violations.iter().map(ToString::to_string).collect();
/// assert_eq!(found, ["limit: must be a whole number from 1 to 100", "page: is not a known parameter"]);
/// ```
pub fn query<T>(
    pairs: &[(String, String)],
    read: impl FnOnce(&mut Fields<'_>) -> T,
) -> Result<T, Vec<Violation>> {
    let mut violations = BoundedViolations::new(MAX_BODY_PART);
    let value = members(Source::query(pairs), &mut violations, read);
    if violations.is_empty() { Ok(value) } else { Err(violations.finish()) }
}

/// The fields of one object of the body, or the parameters of the query.
///
/// Each method reads a field by its name. A field that does not fit is reported, and reads as its default.
pub struct Fields<'a> {
    source: Source<'a>,
    asked: Vec<&'static str>,
    /// Violations of a query, with the place of the parameter: they are reported in the order of the query.
    found: Vec<(usize, Violation)>,
    violations: &'a mut BoundedViolations,
}

#[allow(clippy::needless_pass_by_value, reason = "a rule is made where it is used")]
impl<'a> Fields<'a> {
    /// A field that must be there.
    pub fn required<R: Rule>(&mut self, name: &'static str, rule: R) -> R::Output
    where
        R::Output: Default,
    {
        match self.ask(name) {
            Some(input) => self.check(name, input, &rule).unwrap_or_default(),
            None => {
                self.reject_absent(name, rule.expectation());
                R::Output::default()
            }
        }
    }

    /// A field that may be absent, or null.
    pub fn optional<R: Rule>(&mut self, name: &'static str, rule: R) -> Option<R::Output> {
        let input = self.ask(name)?;
        self.check(name, input, &rule)
    }

    /// A list of that many objects, each read with `read`.
    pub fn list<T>(
        &mut self,
        name: &'static str,
        count: RangeInclusive<usize>,
        mut read: impl FnMut(&mut Fields<'_>) -> T,
    ) -> Vec<T> {
        let items = self.items(name, &count);
        let pointer = self.source.pointer(name);
        let at = |(index, item)| object(item, format!("{pointer}/{index}"), self.violations, &mut read);
        items.iter().enumerate().filter_map(at).collect()
    }

    /// A list of that many plain values, each read by the same rule.
    pub fn values<R: Rule>(
        &mut self,
        name: &'static str,
        count: RangeInclusive<usize>,
        rule: R,
    ) -> Vec<R::Output> {
        let mut read = Vec::new();
        for (index, item) in self.items(name, &count).iter().enumerate() {
            match rule.read(Input::Json(item)) {
                Some(value) => read.push(value),
                None => {
                    let pointer = format!("{}/{index}", self.source.pointer(name));
                    self.violations.push(Violation::body(pointer, rule.expectation()));
                }
            }
        }
        read
    }

    /// An object that must be there, read with `read`; `None` where it is none.
    pub fn object<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Fields<'_>) -> T) -> Option<T> {
        match self.ask(name) {
            Some(Input::Json(value)) => object(value, self.source.pointer(name), self.violations, read),
            Some(Input::Text(_)) => {
                self.reject(name, OBJECT);
                None
            }
            None => {
                self.reject_absent(name, OBJECT);
                None
            }
        }
    }

    /// True where the field is there and not null: for lists and objects that may be absent.
    pub fn has(&mut self, name: &'static str) -> bool {
        self.ask(name).is_some()
    }

    /// Reports a field that was read, for a rule that spans several.
    pub fn reject(&mut self, name: &str, message: impl Into<Cow<'static, str>>) {
        match self.source.position(name) {
            Some(position) => self.found.push((position, Violation::parameter(name, message))),
            None => self.violations.push(Violation::body(self.source.pointer(name), message)),
        }
    }

    fn reject_absent(&mut self, name: &'static str, expectation: impl Into<Cow<'static, str>>) {
        if self.source.is_null(name) {
            self.reject(name, expectation);
        } else {
            self.reject(name, "is required");
        }
    }

    fn ask(&mut self, name: &'static str) -> Option<Input<'a>> {
        self.asked.push(name);
        self.source.get(name)
    }

    fn check<R: Rule>(&mut self, name: &'static str, input: Input<'_>, rule: &R) -> Option<R::Output> {
        if self.source.is_repeated(name) {
            self.reject(name, "must be given once");
            return None;
        }
        let read = rule.read(input);
        if read.is_none() {
            self.reject(name, rule.expectation());
        }
        read
    }

    fn items(&mut self, name: &'static str, count: &RangeInclusive<usize>) -> &'a [Value] {
        let rule = || format!("must be a list of {} to {} items", count.start(), count.end());
        match self.ask(name) {
            Some(Input::Json(Value::Array(items))) if count.contains(&items.len()) => items,
            Some(_) => {
                self.reject(name, rule());
                &[]
            }
            None => {
                self.reject_absent(name, rule());
                &[]
            }
        }
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields").field("asked", &self.asked).finish_non_exhaustive()
    }
}

const OBJECT: &str = "must be an object";

fn object<T>(
    json: &Value,
    pointer: String,
    violations: &mut BoundedViolations,
    read: impl FnOnce(&mut Fields<'_>) -> T,
) -> Option<T> {
    let Some(object) = json.as_object() else {
        violations.push(Violation::body(pointer, OBJECT));
        return None;
    };
    Some(members(Source::Object(object, pointer), violations, read))
}

/// Reads the members, and reports those that `read` did not ask for.
fn members<T>(
    source: Source<'_>,
    violations: &mut BoundedViolations,
    read: impl FnOnce(&mut Fields<'_>) -> T,
) -> T {
    let mut fields = Fields { source, asked: Vec::new(), found: Vec::new(), violations };
    let value = read(&mut fields);
    let Fields { source, asked, mut found, violations } = fields;
    found.sort_by_key(|(position, _)| *position);
    let mut found = found.into_iter().peekable();
    for (position, name) in source.names().into_iter().enumerate() {
        while let Some((_, violation)) = found.next_if(|(at, _)| *at <= position) {
            violations.push(violation);
        }
        if !asked.contains(&name) {
            violations.push(source.unknown(name));
        }
    }
    found.for_each(|(_, violation)| violations.push(violation));
    value
}
