//! JSON string escapes (RFC 8259, section 7): quotation mark, reverse solidus and U+0000 to U+001F.
//!
//! Why not memchr: it finds up to three bytes, not a range. A scan for the first byte to escape with a copy behind it took 3 to
//! 5% longer for records of short texts than the copy here, which looks at each byte as it copies.

use std::fmt;

use super::buf::Buf;

/// Appends the content of a JSON string, without the quotes. What needs no escape is copied eight bytes at a time while
/// it is looked at.
pub(crate) fn push(buf: &mut Buf, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let mut clean = 0;
        buf.write(rest.len(), |out| {
            clean = copy_clean(out, rest);
            clean
        });
        let Some((byte, tail)) = rest.get(clean..).and_then(<[u8]>::split_first) else { return };
        push_escape(buf, *byte);
        rest = tail;
    }
}

/// Appends a text that needs no escape, and a byte behind it; false if it needs one, and then `buf` is as it was.
#[inline]
pub(crate) fn push_if_clean(buf: &mut Buf, text: &str, behind: u8) -> bool {
    let mut clean = false;
    buf.write(text.len() + 1, |out| {
        let Some((last, out)) = out.split_last_mut() else { return 0 };
        clean = copy_clean(out, text.as_bytes()) == text.len();
        *last = behind;
        if clean { text.len() + 1 } else { 0 }
    });
    clean
}

/// Copies up to the first byte that needs an escape; returns how many bytes that is. `out` is as long as `bytes`.
#[inline]
pub(crate) fn copy_clean(out: &mut [u8], bytes: &[u8]) -> usize {
    let Some(last) = bytes.last_chunk::<8>() else { return copy_short(out, bytes) };
    // The last eight bytes overlap with those before them, so that none are left over. They are copied first, because an
    // escape before them ends the loop.
    put(out.last_chunk_mut(), last);
    let (words, _) = bytes.as_chunks::<8>();
    let (outs, _) = out.as_chunks_mut::<8>();
    for (index, (word, out)) in words.iter().zip(outs).enumerate() {
        let found = found(*word);
        *out = *word;
        if found != 0 {
            return index * 8 + first(found);
        }
    }
    match found(*last) {
        0 => bytes.len(),
        found => bytes.len() - 8 + first(found),
    }
}

/// [`copy_clean`] for less than eight bytes.
#[inline]
fn copy_short(out: &mut [u8], bytes: &[u8]) -> usize {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let both = u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
        if found(both.to_le_bytes()) == 0 {
            put(out.first_chunk_mut(), first);
            put(out.last_chunk_mut(), last);
            return bytes.len();
        }
    }
    for (index, (byte, out)) in bytes.iter().zip(out).enumerate() {
        if needs_escape(*byte) {
            return index;
        }
        *out = *byte;
    }
    bytes.len()
}

#[inline]
const fn put<const N: usize>(out: Option<&mut [u8; N]>, piece: &[u8; N]) {
    if let Some(out) = out {
        *out = *piece;
    }
}

/// The index of the first marked byte.
#[inline]
const fn first(found: u64) -> usize {
    (found.trailing_zeros() / 8) as usize
}

/// A high bit in each byte that needs an escape. Each test marks the first byte it looks for exactly; only bytes behind
/// a match can be marked wrongly.
const fn found(word: [u8; 8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    const fn zero_byte(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word
    }
    let word = u64::from_le_bytes(word);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (control | zero_byte(word ^ (ONES * 0x22)) | zero_byte(word ^ (ONES * 0x5c))) & HIGHS
}

const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

#[cold]
fn push_escape(buf: &mut Buf, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
            buf.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            return;
        }
    };
    buf.extend_from_slice(&[b'\\', short]);
}

/// The length in bytes of the character or escape sequence that starts with `byte` (and `next`) in escaped text.
pub(crate) const fn unit_len(byte: u8, next: Option<u8>) -> usize {
    match (byte, next) {
        (b'\\', Some(b'u')) => 6,
        (b'\\', _) => 2,
        (0xf0.., _) => 4,
        (0xe0.., _) => 3,
        (0xc0.., _) => 2,
        _ => 1,
    }
}

/// Lets `format_args!` write into a JSON string; refuses to go on past `limit`, so that no `Display` writes for ever.
pub(crate) struct EscapingWriter<'b> {
    pub(crate) buf: &'b mut Buf,
    /// How text is made harmless: [`push`], or its twin for terminals.
    pub(crate) push: fn(&mut Buf, &str),
    /// The length of `buf` from which on nothing more is taken.
    pub(crate) limit: usize,
    /// Whether something was left out because of the limit.
    pub(crate) full: bool,
}

impl fmt::Write for EscapingWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.full || self.buf.len() >= self.limit {
            self.full = true;
            return Err(fmt::Error);
        }
        let room = self.limit - self.buf.len();
        if text.len() > room {
            self.full = true;
            (self.push)(self.buf, text.get(..text.floor_char_boundary(room)).unwrap_or_default());
            return Err(fmt::Error);
        }
        (self.push)(self.buf, text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut buf = Buf::with_capacity(0);
        buf.push(b'"');
        push(&mut buf, text);
        buf.push(b'"');
        String::from_utf8(buf.to_vec()).unwrap()
    }

    proptest! {
        #[test]
        fn strict_json_for_any_text(text in any::<String>()) {
            let back: String = serde_json::from_str(&escaped(&text)).unwrap();
            prop_assert_eq!(back, text);
        }

        #[test]
        fn every_byte_position_is_checked(prefix in "[a-zé\u{80}\u{ff}]{0,20}", bad in "[\u{0}-\u{1f}\"\\\\\u{7f}!#\\[\\]]", suffix in "[ -~]{0,20}") {
            let text = format!("{prefix}{bad}{suffix}");
            let back: String = serde_json::from_str(&escaped(&text)).unwrap();
            prop_assert_eq!(back, text);
        }
    }

    #[test]
    fn control_characters_are_escaped_each() {
        for code in 0..0x20_u8 {
            let text = char::from(code).to_string();
            assert_eq!(serde_json::from_str::<String>(&escaped(&text)).unwrap(), text);
        }
        assert_eq!(escaped("a\u{1}\n\"\\"), r#""a\u0001\n\"\\""#);
    }
}
