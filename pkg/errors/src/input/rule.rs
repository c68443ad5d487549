use std::borrow::Cow;
use std::ops::RangeInclusive;

use serde::de::DeserializeOwned;
use serde::de::value::StrDeserializer;

use super::source::Input;

/// How a field is read and checked.
///
/// The functions beside this trait make the usual ones.
///
/// # Examples
/// ```
/// use std::borrow::Cow;
/// use underpin_errors::input::{self, Input, Rule};
///
/// /// Whole cents, written as `"12.34"`.
/// struct Cents;
///
/// impl Rule for Cents {
///     type Output = u64;
///
///     fn read(&self, input: Input<'_>) -> Option<u64> {
///         let (whole, cents) = input.as_str()?.split_once('.')?;
///         whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(cents.parse().ok().filter(|cents| *cents < 100)?)
///     }
///
///     fn expectation(&self) -> Cow<'static, str> {
///         "must be an amount such as 12.34".into()
///     }
/// }
///
/// let body = serde_json::json!({"price": "12.34"});
/// assert_eq!(input::json(&body, |fields| fields.required("price", Cents)).unwrap(), 1234);
/// ```
pub trait Rule {
    /// The type of the field.
    type Output;

    /// Reads the value; `None` where it does not fit.
    fn read(&self, input: Input<'_>) -> Option<Self::Output>;

    /// The message of the violation, such as "must be a whole number from 1 to 100". It must not repeat the value.
    fn expectation(&self) -> Cow<'static, str>;
}

const _: fn(&dyn Rule<Output = ()>) = |_| ();

/// A text of that many characters, none of them a control character (PostgreSQL stores no NUL).
pub fn text(length: RangeInclusive<usize>) -> impl Rule<Output = String> {
    let (least, most) = (*length.start(), *length.end());
    let read = move |input: Input<'_>| {
        let text = input.as_str()?;
        let fits = length.contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| text.to_owned())
    };
    FnRule(read, move || {
        format!("must be a text of {least} to {most} characters without control characters").into()
    })
}

/// A whole number in a range.
pub fn integer(range: RangeInclusive<i64>) -> impl Rule<Output = i64> {
    let (least, most) = (*range.start(), *range.end());
    let read = move |input: Input<'_>| {
        let number = match input {
            Input::Json(value) => value.as_i64(),
            Input::Text(text) => text.parse().ok(),
        };
        number.filter(|number| range.contains(number))
    };
    FnRule(read, move || format!("must be a whole number from {least} to {most}").into())
}

/// `true` or `false`.
pub fn boolean() -> impl Rule<Output = bool> {
    let read = |input: Input<'_>| match input {
        Input::Json(value) => value.as_bool(),
        Input::Text(text) => text.parse().ok(),
    };
    FnRule(read, || "must be true or false".into())
}

/// One of these texts.
pub fn one_of(choices: &'static [&'static str]) -> impl Rule<Output = &'static str> {
    let read = |input: Input<'_>| {
        let text = input.as_str()?;
        choices.iter().copied().find(|choice| *choice == text)
    };
    FnRule(read, || format!("must be one of {}", choices.join(", ")).into())
}

/// A text that `parse` understands: an id, a time, a cursor.
pub fn parsed<T>(
    expectation: impl Into<Cow<'static, str>>,
    parse: impl Fn(&str) -> Option<T>,
) -> impl Rule<Output = T> {
    let expectation = expectation.into();
    FnRule(move |input: Input<'_>| parse(input.as_str()?), move || expectation.clone())
}

/// Any type that serde reads, as a whole: of its errors only the place of the field is reported.
pub fn decoded<T: DeserializeOwned>(expectation: impl Into<Cow<'static, str>>) -> impl Rule<Output = T> {
    let expectation = expectation.into();
    let read = |input: Input<'_>| match input {
        Input::Json(value) => T::deserialize(value).ok(),
        Input::Text(text) => T::deserialize(StrDeserializer::<serde::de::value::Error>::new(text)).ok(),
    };
    FnRule(read, move || expectation.clone())
}

struct FnRule<R, E>(R, E);

impl<T, R: Fn(Input<'_>) -> Option<T>, E: Fn() -> Cow<'static, str>> Rule for FnRule<R, E> {
    type Output = T;

    fn read(&self, input: Input<'_>) -> Option<T> {
        (self.0)(input)
    }

    fn expectation(&self) -> Cow<'static, str> {
        (self.1)()
    }
}
