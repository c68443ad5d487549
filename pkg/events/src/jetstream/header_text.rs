//! Text in headers: percent-encoded as the CloudEvents bindings do it, so that a header is ASCII.

use std::borrow::Cow;
use std::fmt::Write;

/// One line of ASCII for at most `max` characters: control characters become spaces, others that are not ASCII, and `%`, are
/// percent-encoded.
pub(super) fn encode(text: &str, max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max));
    for c in text.chars().take(max) {
        match c {
            '%' => line.push_str("%25"),
            c if c.is_control() => line.push(' '),
            c if c.is_ascii() => line.push(c),
            c => {
                let mut buffer = [0; 4];
                for byte in c.encode_utf8(&mut buffer).bytes() {
                    let _infallible = write!(line, "%{byte:02X}");
                }
            }
        }
    }
    line
}

/// Reads what [`encode`] wrote. Text of earlier versions, which did not encode, is left as it is where it is no encoding.
pub(super) fn decode(line: &str) -> Cow<'_, str> {
    if !line.contains('%') {
        return Cow::Borrowed(line);
    }
    let (bytes, mut decoded, mut at) = (line.as_bytes(), Vec::with_capacity(line.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 3).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(code) if *byte == b'%' => {
                decoded.push(code);
                at += 3;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).map_or(Cow::Borrowed(line), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back_as_one_ascii_line() {
        for text in ["plain", "100 % of caf\u{e9} \u{1f600}", "%41", "a%", ""] {
            let line = encode(text, 1024);
            assert!(line.is_ascii());
            assert_eq!(decode(&line), text);
        }
        assert_eq!(encode("a\r\nb\0", 3), "a  ");
        assert_eq!(decode("50% of caf\u{e9}"), "50% of caf\u{e9}");
    }
}
