use super::{
    escape,
    scratch::{Scratch, Span},
};

/// Shortens an open line (no closing brace yet) to at most `room` bytes: its longest texts lose their ends until it
/// fits, and if that is not enough, its last fields go.
pub(crate) fn clip(scratch: &mut Scratch, room: usize) {
    while scratch.buf.len() > room {
        let over = scratch.buf.len() - room;
        if !shorten_longest(scratch, over) {
            break;
        }
    }
    while scratch.buf.len() > room {
        // A field starts with the comma and the quote before its key.
        let Some(key) = scratch.keys.pop() else { return };
        scratch.buf.truncate(key.start.saturating_sub(2));
    }
}

/// Cuts the longest text by at least `over` bytes or down to the second longest; false when all texts are empty.
fn shorten_longest(scratch: &mut Scratch, over: usize) -> bool {
    let len = |span: &Span| span.end - span.start;
    let Some(longest) = scratch.texts.iter().copied().max_by_key(len) else { return false };
    if len(&longest) == 0 {
        return false;
    }
    let second = scratch.texts.iter().filter(|span| **span != longest).map(len).max().unwrap_or(0);
    let wanted = len(&longest).saturating_sub(over).max(second.min(len(&longest) - 1));
    let text = scratch.buf.get(longest.start..longest.end).unwrap_or_default();
    let cut = longest.start + whole_units(text, wanted);
    let removed = longest.end - cut;
    scratch.buf.drain(cut..longest.end);
    for span in scratch.texts.iter_mut().chain(&mut scratch.keys) {
        if span.start == longest.start {
            span.end = cut;
        } else if span.start > longest.start {
            span.start -= removed;
            span.end -= removed;
        }
    }
    true
}

/// The length of the longest prefix of escaped text within `most` bytes that ends between two characters.
pub(super) fn whole_units(text: &[u8], most: usize) -> usize {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let next = at + escape::unit_len(*byte, text.get(at + 1).copied());
        if next > most {
            break;
        }
        at = next;
    }
    at
}
