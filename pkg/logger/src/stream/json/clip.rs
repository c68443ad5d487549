use super::{
    escape,
    scratch::{ByteRange, Scratch},
};

/// Shortens an open line (no closing brace yet) to at most `room` bytes: its longest texts lose their ends, all at one
/// length, so that it fits, and if that is not enough, its last fields go.
///
/// Up to `head` there are, behind the message, only fields that were rendered before.
pub(crate) fn clip(scratch: &mut Scratch, head: usize, room: usize) {
    if scratch.buf.len() <= room {
        return;
    }
    find_rendered(scratch, head);
    let most = longest_allowed(&scratch.texts, scratch.buf.len() - room);
    for index in 0..scratch.texts.len() {
        shorten(scratch, index, most);
    }
    while scratch.buf.len() > room {
        // A field starts with the comma and the quote before its key.
        let Some(key) = scratch.keys.pop() else { return };
        scratch.buf.truncate(key.start.saturating_sub(2));
    }
}

/// Notes keys and texts of the fields between the message and `head`, `,"key":"text"` each, which were copied
/// into the line as they are.
fn find_rendered(scratch: &mut Scratch, head: usize) {
    let Some(message) = scratch.texts.first() else { return };
    let mut at = message.end + 1;
    let mut keys = Vec::new();
    while at < head {
        let key = string_at(&scratch.buf, at + 1);
        let text = string_at(&scratch.buf, key.end + 2);
        keys.push(key);
        // That of the target is known.
        if !scratch.texts.contains(&text) {
            scratch.texts.push(text);
        }
        at = text.end + 1;
    }
    scratch.keys.splice(0..0, keys);
}

/// Where the content of a string is whose opening quotation mark is at `quote`.
fn string_at(buf: &[u8], quote: usize) -> ByteRange {
    let start = quote + 1;
    let mut end = start;
    while let Some(byte) = buf.get(end).filter(|byte| **byte != b'"') {
        end += escape::unit_len(*byte, buf.get(end + 1).copied());
    }
    ByteRange { start, end }
}

/// The greatest length for all texts that takes `over` bytes off the longer ones together; 0 if none does.
fn longest_allowed(texts: &[ByteRange], over: usize) -> usize {
    let lengths = || texts.iter().map(|span| span.end - span.start);
    let enough = |most: usize| lengths().map(|len| len.saturating_sub(most)).sum::<usize>() >= over;
    let (mut low, mut high) = (0, lengths().max().unwrap_or(0));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        (low, high) = if enough(middle) { (middle, high) } else { (low, middle - 1) };
    }
    low
}

/// Cuts a text down to at most `most` bytes.
fn shorten(scratch: &mut Scratch, index: usize, most: usize) {
    let Some(span) = scratch.texts.get(index).copied().filter(|span| span.end - span.start > most) else {
        return;
    };
    let text = scratch.buf.get(span.start..span.end).unwrap_or_default();
    let cut = span.start + whole_units(text, most);
    let removed = span.end - cut;
    scratch.buf.drain(cut..span.end);
    for other in scratch.texts.iter_mut().chain(&mut scratch.keys) {
        if other.start == span.start {
            other.end = cut;
        } else if other.start > span.start {
            other.start -= removed;
            other.end -= removed;
        }
    }
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
