use std::borrow::Cow;

/// The text, or its first `most` bytes and an ellipsis.
pub(crate) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.get(..text.floor_char_boundary(most)) {
        Some(start) if start.len() < text.len() => Cow::Owned(format!("{start}…")),
        _ => Cow::Borrowed(text),
    }
}
