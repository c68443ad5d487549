use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use underpin_errors::{Classify, Kind, Violation};
use underpin_events::{Event, InvalidEventError, TypedEvent};
use underpin_logger::Context;
use uuid::Uuid;

/// A note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// A UUID of version 7, as text.
    pub id: String,
    /// The text.
    pub text: String,
}

impl Note {
    /// A new note.
    ///
    /// # Errors
    /// [`NoteError::Empty`].
    pub fn new(text: String) -> Result<Self, NoteError> {
        if text.trim().is_empty() {
            Err(NoteError::Empty)
        } else {
            Ok(Self { id: Uuid::now_v7().to_string(), text })
        }
    }
}

/// The errors of notes. `Classify` maps them to answers.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// The note has no text.
    #[error("the note is empty")]
    Empty,
    /// There is no note with this id.
    #[error("there is no note with this id")]
    Missing,
}

impl Classify for NoteError {
    fn kind(&self) -> Kind {
        match self {
            Self::Empty => Kind::InvalidArgument,
            Self::Missing => Kind::NotFound,
        }
    }

    fn code(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Empty => "NOTE_EMPTY".into(),
            Self::Missing => "NOTE_NOT_FOUND".into(),
        })
    }

    fn public_message(&self) -> Option<Cow<'static, str>> {
        Some(self.to_string().into())
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            Self::Empty => vec![Violation::body("text", "must not be empty")],
            Self::Missing => Vec::new(),
        }
    }
}

/// The event: a note was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteAdded {
    /// How long it is, in bytes.
    pub length: usize,
}

impl TypedEvent for NoteAdded {
    const TYPE: &'static str = "note.added";
}

impl NoteAdded {
    /// The event of a note, with the request id and the trace of `ctx`.
    ///
    /// # Errors
    /// None that a note can cause; the event is checked against CloudEvents all the same.
    pub fn event(note: &Note, ctx: &Context) -> Result<Event, InvalidEventError> {
        let payload = Self { length: note.text.len() };
        Event::typed("/notes", &payload).subject(&note.id).caused_by(ctx).build()
    }
}
