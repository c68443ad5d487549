/// A key that the macros render at compile time, so that a record copies it and looks at it no more.
#[doc(hidden)]
#[derive(Debug)]
#[cfg_attr(not(feature = "json"), allow(dead_code, reason = "read by the encoder"))]
pub struct Key {
    /// `,"name":"` exactly as it stands in a line before a text, filled up with zeros.
    pub(crate) json: [u8; 32],
    /// How much of that stands before any value, up to the colon; 0 when the key must be looked at: it is long, needs an escape or is reserved.
    pub(crate) len: u8,
    /// One of 64 bits; equal keys have equal bits.
    pub(crate) bit: u64,
}

impl Key {
    /// For the macros.
    pub const fn of(name: &'static str) -> Self {
        let name = name.as_bytes();
        let colon = name.len() + b",\"\":".len();
        let mut json = [0; 32];
        if colon >= json.len() || !is_clean(name) || is_reserved(name) {
            return Self { json, len: 0, bit: bit(name) };
        }
        put(&mut json, 0, b",\"");
        put(&mut json, 2, name);
        put(&mut json, 2 + name.len(), b"\":\"");
        Self { json, len: colon as u8, bit: bit(name) }
    }

    /// The name, of a key that is plain.
    #[cfg(feature = "json")]
    pub(crate) fn name(&self) -> &str {
        let name = self.json.get(2..usize::from(self.len).saturating_sub(2)).unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }

    #[cfg(feature = "json")]
    pub(crate) const fn is_plain(&self) -> bool {
        self.len > 0
    }
}

/// Copies a piece into a constant.
const fn put(json: &mut [u8; 32], at: usize, piece: &[u8]) {
    if let Some((_, out)) = json.split_at_mut_checked(at)
        && let Some((out, _)) = out.split_at_mut_checked(piece.len())
    {
        out.copy_from_slice(piece);
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

/// What a reserved key is written as, where keys are constants.
#[cfg(feature = "json")]
pub(crate) fn renamed(key: &str) -> Option<&'static str> {
    const RENAMED: [(&str, &str); 10] = [
        ("ts", "ts_"),
        ("level", "level_"),
        ("msg", "msg_"),
        ("service", "service_"),
        ("request_id", "request_id_"),
        ("trace_id", "trace_id_"),
        ("span_id", "span_id_"),
        ("organization_id", "organization_id_"),
        ("target", "target_"),
        ("truncated", "truncated_"),
    ];
    RENAMED.into_iter().find_map(|(reserved, renamed)| (reserved == key).then_some(renamed))
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

    #[cfg(feature = "json")]
    #[test]
    fn reserved_keys_and_no_others_are_renamed() {
        for key in [
            "ts",
            "level",
            "msg",
            "service",
            "request_id",
            "trace_id",
            "span_id",
            "organization_id",
            "target",
        ] {
            assert!(is_reserved(key.as_bytes()));
            assert_eq!(renamed(key), Some(format!("{key}_").as_str()));
        }
        assert!(is_reserved(b"truncated") && renamed("truncated").is_some());
        assert!(!is_reserved(b"order_id") && renamed("order_id").is_none());
    }

    #[test]
    fn only_plain_keys_are_copied_as_they_are() {
        let key = Key::of("order_id");
        assert_eq!(&key.json[..key.len.into()], b",\"order_id\":");
        assert_eq!(key.bit, bit(b"order_id"));
        let longest = Key::of("abcdefghijklmnopqrstuvwxyz_");
        assert_eq!((longest.len, &longest.json), (31, b",\"abcdefghijklmnopqrstuvwxyz_\":\""));
        for odd in ["level", "a\"b", "a\\b", "a\nb", "abcdefghijklmnopqrstuvwxyz_2"] {
            assert_eq!(Key::of(odd).len, 0, "{odd:?}");
        }
    }
}
