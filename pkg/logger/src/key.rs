/// A key that the macros render at compile time, so that a record copies it and looks at it no more.
#[doc(hidden)]
#[derive(Debug)]
#[cfg_attr(not(feature = "json"), allow(dead_code, reason = "read by the encoder"))]
pub struct Key {
    /// `,"name":`, exactly as it stands in a line.
    pub(crate) json: &'static str,
    /// Whether `json` may stand in a line as it is: nothing to escape, and not reserved.
    pub(crate) plain: bool,
    /// One of 64 bits; equal keys have equal bits.
    pub(crate) bit: u64,
}

impl Key {
    /// For the macros; `json` is `,"name":`.
    pub const fn of(name: &'static str, json: &'static str) -> Self {
        Self {
            json,
            plain: is_clean(name.as_bytes()) && !is_reserved(name.as_bytes()),
            bit: bit(name.as_bytes()),
        }
    }
}

/// The keys that only the logger itself writes. A tag of such a name gets an underscore behind it.
pub(crate) const fn is_reserved(key: &[u8]) -> bool {
    matches!(
        key,
        b"ts"
            | b"level"
            | b"msg"
            | b"service"
            | b"request_id"
            | b"trace_id"
            | b"span_id"
            | b"organization_id"
            | b"target"
            | b"truncated"
    )
}

/// A cheap hash of a key as it is written, as one bit of 64: equal keys have equal bits, that is all that is asked.
pub(crate) const fn bit(key: &[u8]) -> u64 {
    let middle = key.len() / 2;
    let (front, back) = key.split_at(middle);
    let first = if let [first, ..] = front { *first } else { 0 } as usize;
    let (middle, last) = match back {
        [middle, .., last] => (*middle as usize, *last as usize),
        [only] => (*only as usize, *only as usize),
        [] => (0, 0),
    };
    1 << ((key.len() ^ first ^ middle.wrapping_mul(3) ^ last.wrapping_mul(5)) & 63)
}

const fn is_clean(mut key: &[u8]) -> bool {
    while let [byte, rest @ ..] = key {
        if *byte < 0x20 || *byte == b'"' || *byte == b'\\' {
            return false;
        }
        key = rest;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_keys_are_copied_as_they_are() {
        assert!(Key::of("order_id", ",\"order_id\":").plain);
        for odd in ["level", "a\"b", "a\\b", "a\nb"] {
            assert!(!Key::of(odd, "").plain, "{odd:?}");
        }
        assert_eq!(Key::of("order_id", "").bit, bit(b"order_id"));
    }
}
