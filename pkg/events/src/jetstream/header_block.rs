//! The header block of a stored message: whether the client below can read it, and what can be read of it otherwise.

use std::str::FromStr;

use async_nats::{HeaderName, HeaderValue, StatusCode};
use bytes::Bytes;

use super::raw_message::RawMessage;

const VERSION: &str = "NATS/1.0";

/// Why the client cannot read a message, if it cannot: one on the wire makes it drop its connection or end its task.
///
/// It follows `Connection::try_read_op` of async-nats 0.51.
pub(super) fn unreadable(message: &RawMessage) -> Option<&'static str> {
    // In JSON the server replaces what is not UTF-8.
    if message.subject.contains('\u{fffd}') {
        return Some("the subject is not UTF-8");
    }
    if message.headers.is_empty() {
        return None;
    }
    if message.subject.split_whitespace().count() != 1 {
        return Some("the subject contains white space");
    }
    unreadable_block(&message.headers)
}

fn unreadable_block(block: &[u8]) -> Option<&'static str> {
    let Ok(text) = std::str::from_utf8(block) else { return Some("the header is not UTF-8") };
    let mut lines = text.lines().peekable();
    let Some(rest) = lines.next().and_then(|line| line.strip_prefix(VERSION)) else {
        return Some("the header does not begin with `NATS/1.0`");
    };
    let status = rest.trim().split(' ').next().unwrap_or_default();
    if !status.is_empty() && status.parse::<StatusCode>().is_err() {
        return Some("the status in the header is not a number");
    }
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let Some((name, value)) = line.split_once(':') else { return Some("a header line has no colon") };
        if HeaderName::from_str(name).is_err() {
            return Some("a header name has invalid characters");
        }
        let mut value = value.trim_start().to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with(char::is_whitespace)) {
            value.push_str(more);
        }
        if HeaderValue::from_str(value.trim_end()).is_err() {
            return Some("a header value contains a carriage return");
        }
    }
    None
}

/// The headers of a block as far as they can be read: invalid bytes are replaced, lines without a colon left out.
pub(super) fn pairs(block: &Bytes) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(block);
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).peekable();
    // The version line is no header, and one that is missing is none.
    lines.next_if(|line| line.starts_with("NATS/"));
    let mut pairs: Vec<(String, String)> = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        match (line.split_once(':'), pairs.last_mut()) {
            (_, Some((_, value))) if line.starts_with(char::is_whitespace) => value.push_str(line.trim_end()),
            (Some((name, value)), _) => pairs.push((name.trim().to_owned(), value.trim().to_owned())),
            (None, _) => {}
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_reads_and_what_it_does_not() {
        let good: [&[u8]; 9] = [
            b"NATS/1.0\r\nA: b\r\n\r\n",
            b"NATS/1.0\r\nA: \x1b[31m\r\n\r\n",
            b"NATS/1.0\r\nA: \0\r\n\r\n",
            b"NATS/1.0\r\nA: b\nC: d\r\n\r\n",
            b"NATS/1.0\r\nA: b\r\n c\r\n\r\n",
            b"NATS/1.0 404 No Messages\r\n\r\n",
            b"NATS/1.0\r\nA: b",
            b"NATS/1.0\r\nA: b\r\r\n\r\n",
            "NATS/1.0\r\nA: \u{e9}\r\n\r\n".as_bytes(),
        ];
        for block in good {
            assert_eq!(unreadable_block(block), None, "{block:?}");
        }
        let bad: [&[u8]; 9] = [
            b"NATS/1.0\r\nA: b\rc\r\n\r\n",
            b"NATS/1.0\r\nA: b\r\n c\rd\r\n\r\n",
            b"NATS/1.0\r\nA: \xff\r\n\r\n",
            b"NATS/1.0\r\nA B: c\r\n\r\n",
            "NATS/1.0\r\n\u{e9}: c\r\n\r\n".as_bytes(),
            b"NATS/1.0\r\nabc\r\n\r\n",
            b"NATS/2.0\r\nA: b\r\n\r\n",
            b"A: b\r\n\r\n",
            b"NATS/1.0 abc\r\n\r\n",
        ];
        for block in bad {
            assert!(unreadable_block(block).is_some(), "{block:?}");
        }
    }

    #[test]
    fn what_is_legible_of_a_block_is_read() {
        let read = |block: &'static [u8]| pairs(&Bytes::from_static(block));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            read(b"NATS/1.0\r\nA: b\rc\r\nnone\r\nD: \xff\r\n\r\n"),
            [pair("A", "b\rc"), pair("D", "\u{fffd}")]
        );
        assert_eq!(read(b"A: b\r\n c\r\n"), [pair("A", "b c")]);
        assert!(read(b"").is_empty());
    }
}
