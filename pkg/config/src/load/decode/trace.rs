//! Observes types that read from a buffer of serde.
//!
//! `#[serde(flatten)]`, tagged and untagged enums read values into a private buffer first and decode from there. The buffer
//! calls no code of this crate except the constructors of its error and `Secret::deserialize`, so these two report here, by
//! thread, while a pass runs.
//!
//! A token is a byte string that no type accepts as text. A pass that searches for types puts a token in place of each buffered
//! value: the error of the type that refuses it names the token and the type.

use std::cell::{Cell, RefCell};

/// What a type that refuses a buffered value requires instead. Also noted when an untagged enum swallows the refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TypeRequest {
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

/// What happened in the pass so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    /// Refusals.
    pub(super) requests: usize,
    /// Secrets that were read.
    secrets: usize,
    /// Secrets that the decoder itself read.
    seen: usize,
}

impl Counts {
    /// Secrets that were read from a buffer.
    pub(super) const fn hidden_secrets(self) -> usize {
        self.secrets.saturating_sub(self.seen)
    }
}

thread_local! {
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { requests: 0, secrets: 0, seen: 0 }) };
    static REQUESTS: RefCell<Vec<TypeRequest>> = const { RefCell::new(Vec::new()) };
}

/// More refusals than this in one pass are not kept.
const MAX_REQUESTS: usize = 4096;
const TOKEN: &[u8] = b"\xffunderpin-token:";
/// How a token looks after `String::from_utf8_lossy`.
const LOSSY: &str = "\u{fffd}underpin-token:";

/// Runs `pass` with a trace that starts empty, and returns what it refused.
pub(super) fn during<R>(pass: impl FnOnce() -> R) -> (R, Vec<TypeRequest>) {
    let outer = (COUNTS.take(), REQUESTS.take());
    let result = pass();
    COUNTS.set(outer.0);
    (result, REQUESTS.replace(outer.1))
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

pub(super) fn note(request: &TypeRequest) {
    count(|counts| counts.requests += 1);
    REQUESTS.with_borrow_mut(|requests| {
        if requests.len() < MAX_REQUESTS {
            requests.push(request.clone());
        }
    });
}

pub(super) fn counts() -> Counts {
    COUNTS.get()
}

fn count(change: impl FnOnce(&mut Counts)) {
    let mut counts = COUNTS.get();
    change(&mut counts);
    COUNTS.set(counts);
}

/// Notes that a [`Secret`](crate::Secret) is read, from any deserializer.
pub(crate) fn secret_begins() {
    count(|counts| counts.secrets += 1);
}

/// Notes that the decoder itself reads the secret and knows its key.
pub(super) fn secret_seen() {
    count(|counts| counts.seen += 1);
}
