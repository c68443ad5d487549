use std::{fmt, ops::Range, str::FromStr};

use crate::random;

/// Where a request stands in a distributed trace: the W3C `traceparent` header.
///
/// Parsed strictly after [W3C Trace Context](https://www.w3.org/TR/trace-context/): lower-case hex, no zero ids, version
/// `ff` refused, longer texts only from a version after `00`. What we send is always version `00`, with the flags
/// that we understand (sampled and random).
///
/// # Examples
///
/// ```
/// use underpin_logger::TraceParent;
///
/// let here: TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
/// let child = here.child();
/// assert_eq!(child.trace_id(), here.trace_id());
/// assert_ne!(child.span_id(), here.span_id());
/// # Ok::<(), underpin_logger::TraceParentError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    // The header itself, ASCII by construction: 00-<32 hex>-<16 hex>-<2 hex>.
    text: [u8; 55],
}

impl TraceParent {
    const SAMPLED: u8 = 0b01;
    /// Sampled, and random: the trace id was chosen at random.
    const KNOWN_FLAGS: u8 = 0b11;

    /// Reads the header's value.
    ///
    /// # Errors
    ///
    /// [`TraceParentError`] when the text does not follow the specification to the letter.
    pub fn parse(text: &str) -> Result<Self, TraceParentError> {
        let (Some(head), rest) = (text.as_bytes().first_chunk::<55>(), text.as_bytes().get(55..)) else {
            return Err(TraceParentError);
        };
        let [v1, v2, b'-', ids @ .., b'-', f1, f2] = head else { return Err(TraceParentError) };
        let (Some(version), Some(flags)) = (hex(*v1, *v2), hex(*f1, *f2)) else {
            return Err(TraceParentError);
        };
        let rest_allowed = match rest {
            None | Some([]) => true,
            Some([b'-', ..]) => version > 0,
            Some(_) => false,
        };
        let (trace, span) = ids.split_at(32);
        let ([b'-', span @ ..], true) = (span, rest_allowed && version < 0xff) else {
            return Err(TraceParentError);
        };
        for id in [trace, span] {
            let all_hex = id.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            if !all_hex || id.iter().all(|byte| *byte == b'0') {
                return Err(TraceParentError);
            }
        }
        let mut text = *head;
        let [first, second, .., last_but_one, last] = &mut text;
        (*first, *second) = (b'0', b'0');
        (*last_but_one, *last) = (b'0', b'0' + (flags & Self::KNOWN_FLAGS));
        Ok(Self { text })
    }

    /// The root of a new trace, sampled, with random ids.
    pub fn generate() -> Self {
        Self::root(Self::KNOWN_FLAGS)
    }

    /// The root of a new trace that is not sampled, with random ids.
    pub fn generate_unsampled() -> Self {
        Self::root(Self::KNOWN_FLAGS & !Self::SAMPLED)
    }

    /// The same trace, with a new span id.
    #[must_use]
    pub fn child(&self) -> Self {
        let [span] = random::numbers(random::since_epoch());
        self.with_span(span)
    }

    /// The same trace and span with another sampled flag.
    #[must_use]
    pub const fn with_sampled(mut self, sampled: bool) -> Self {
        let flags = if sampled { self.flags() | Self::SAMPLED } else { self.flags() & !Self::SAMPLED };
        let [.., last] = &mut self.text;
        *last = b'0' + flags;
        self
    }

    /// The header's value.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// The trace id, 32 hex digits.
    pub fn trace_id(&self) -> &str {
        self.part(3..35)
    }

    /// The span id, 16 hex digits.
    pub fn span_id(&self) -> &str {
        self.part(36..52)
    }

    fn part(&self, range: Range<usize>) -> &str {
        self.text.get(range).and_then(|part| std::str::from_utf8(part).ok()).unwrap_or_default()
    }

    /// Whether the caller may have recorded the trace (the sampled flag).
    pub const fn is_sampled(&self) -> bool {
        self.flags() & Self::SAMPLED != 0
    }

    const fn flags(&self) -> u8 {
        // The last digit is '0' to '3' by construction.
        let [.., last] = self.text;
        last & Self::KNOWN_FLAGS
    }

    fn root(flags: u8) -> Self {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let [high, low, span] = random::numbers(random::since_epoch());
        for (range, half) in [(3..19, high.max(1)), (19..35, low)] {
            if let Some(room) = text.get_mut(range) {
                random::write_hex(half, room);
            }
        }
        let [.., last] = &mut text;
        *last = b'0' + flags;
        Self { text }.with_span(span)
    }

    /// Neither id may be zero.
    fn with_span(mut self, span: u64) -> Self {
        if let Some(room) = self.text.get_mut(36..52) {
            random::write_hex(span.max(1), room);
        }
        self
    }
}

const fn hex(high: u8, low: u8) -> Option<u8> {
    const fn digit(byte: u8) -> Option<u8> {
        match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        }
    }
    match (digit(high), digit(low)) {
        (Some(high), Some(low)) => Some(high << 4 | low),
        _ => None,
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TraceParent").field(&self.as_str()).finish()
    }
}

impl FromStr for TraceParent {
    type Err = TraceParentError;

    fn from_str(text: &str) -> Result<Self, TraceParentError> {
        Self::parse(text)
    }
}

/// A text is not a W3C `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent")]
#[non_exhaustive]
pub struct TraceParentError;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_the_specification_allows_is_read() {
        let parsed = TraceParent::parse(GOOD).unwrap();
        assert_eq!(parsed.as_str(), GOOD);
        assert_eq!(parsed.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(parsed.span_id(), "00f067aa0ba902b7");
        assert!(parsed.is_sampled());
        let later =
            TraceParent::parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fc-what-comes").unwrap();
        assert_eq!(later.as_str(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
        assert!(!later.is_sampled());
    }

    #[test]
    fn what_the_specification_forbids_is_refused() {
        for bad in [
            "",
            "00",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
        ] {
            assert_eq!(TraceParent::parse(bad), Err(TraceParentError), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_reads_itself(text in "\\PC{0,70}|[0-9a-f-]{50,60}") {
            if let Ok(parsed) = TraceParent::parse(&text) {
                prop_assert_eq!(TraceParent::parse(parsed.as_str()), Ok(parsed));
            }
        }
    }

    #[test]
    fn what_we_make_is_valid_and_a_child_stays_in_the_trace() {
        for _ in 0..1000 {
            let root = TraceParent::generate();
            assert_eq!(TraceParent::parse(root.as_str()), Ok(root));
            let child = root.child();
            assert_eq!(TraceParent::parse(child.as_str()), Ok(child));
            assert_eq!((child.trace_id(), child.is_sampled()), (root.trace_id(), true));
            assert_ne!(child.span_id(), root.span_id());
            let unsampled = TraceParent::generate_unsampled();
            assert_eq!(TraceParent::parse(unsampled.as_str()), Ok(unsampled));
            assert!(!unsampled.is_sampled() && !unsampled.child().is_sampled());
            assert_eq!(root.with_sampled(false).with_sampled(true), root);
            assert!(!root.with_sampled(false).is_sampled());
            assert_eq!(root.with_sampled(false).span_id(), root.span_id());
        }
    }
}
