//! Observes types that read from a buffer of serde.
//!
//! `#[serde(flatten)]`, tagged and untagged enums read values into a private buffer first and decode from there. The buffer
//! calls no code of this crate except the constructors of its error and `Secret::deserialize`, so these two report here, by
//! thread, while a pass runs.
//!
//! A token is a byte string that no type accepts as text. A pass that searches for types puts a token in place of each buffered
//! value: the error of the type that refuses it names the token and the type.

use std::cell::RefCell;

/// A refusal of a buffered value, also one that an untagged enum swallows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// A type refused the token.
    Token { id: usize, expected: Expectation },
    /// A type refused a text.
    Text { text: String, expected: Expectation },
    /// A struct lacks a field.
    Missing { field: &'static str },
}

/// What a type says that it accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expectation {
    /// In words: "u16", "a string", "struct Server".
    Phrase(String),
    /// One of these names.
    OneOf(&'static [&'static str]),
    /// A key that is one of these names.
    Field(&'static [&'static str]),
}

#[derive(Default)]
struct Trace {
    asks: Vec<Ask>,
    /// Secrets that were read, and those of them that the decoder saw.
    secrets: usize,
    seen: usize,
}

thread_local! {
    static TRACE: RefCell<Trace> = RefCell::default();
}

/// More refusals than this in one pass are not kept.
const MAX_ASKS: usize = 4096;
const TOKEN: &[u8] = b"\xffunderpin-token:";
/// How a token looks after `String::from_utf8_lossy`.
const LOSSY: &str = "\u{fffd}underpin-token:";

/// Runs `pass` with a trace that starts empty, and returns what it refused.
pub(super) fn during<R>(pass: impl FnOnce() -> R) -> (R, Vec<Ask>) {
    let outer = TRACE.with(|trace| std::mem::take(&mut *trace.borrow_mut()));
    let result = pass();
    let inner = TRACE.with(|trace| std::mem::replace(&mut *trace.borrow_mut(), outer));
    (result, inner.asks)
}

pub(super) fn token(id: usize) -> Vec<u8> {
    [TOKEN, id.to_string().as_bytes()].concat()
}

pub(super) fn id_of_token(bytes: &[u8]) -> Option<usize> {
    std::str::from_utf8(bytes.strip_prefix(TOKEN)?).ok()?.parse().ok()
}

pub(super) fn id_of_lossy(text: &str) -> Option<usize> {
    text.strip_prefix(LOSSY)?.parse().ok()
}

pub(super) fn note(ask: &Ask) {
    TRACE.with(|trace| {
        let asks = &mut trace.borrow_mut().asks;
        if asks.len() < MAX_ASKS {
            asks.push(ask.clone());
        }
    });
}

/// How many refusals the pass has seen.
pub(super) fn asked() -> usize {
    TRACE.with(|trace| trace.borrow().asks.len())
}

/// Notes that a [`Secret`](crate::Secret) is read, from any deserializer.
pub(crate) fn secret_begins() {
    TRACE.with(|trace| trace.borrow_mut().secrets += 1);
}

/// Notes that the decoder itself reads the secret and knows its key.
pub(super) fn secret_seen() {
    TRACE.with(|trace| trace.borrow_mut().seen += 1);
}

/// How many secrets were read from a buffer.
pub(super) fn hidden_secrets() -> usize {
    TRACE.with(|trace| {
        let trace = trace.borrow();
        trace.secrets.saturating_sub(trace.seen)
    })
}
