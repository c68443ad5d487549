use crate::TraceParent;

/// Decides which traces are recorded. The decision is made once, where a trace enters the process, and travels on in the sampled
/// flag of `traceparent`.
///
/// # Examples
///
/// ```
/// use underpin_logger::{Sampler, TraceParent};
///
/// let sampler = Sampler::ratio(0.25).parent_based();
/// let roots = (0..10_000).filter(|_| sampler.samples(None, &TraceParent::generate())).count();
/// assert!((2_200..2_800).contains(&roots), "{roots}");
///
/// let caller = TraceParent::generate_unsampled();
/// assert!(!Sampler::always_on().parent_based().samples(Some(&caller), &caller.child()));
/// assert!(Sampler::always_on().samples(Some(&caller), &caller.child()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampler {
    /// A trace is sampled if the lower 63 bits of its id are below this bound.
    bound: u64,
    follows_parent: bool,
}

impl Sampler {
    const ALL: u64 = 1 << 63;

    /// Records every trace.
    pub const fn always_on() -> Self {
        Self { bound: Self::ALL, follows_parent: false }
    }

    /// Records no trace.
    pub const fn always_off() -> Self {
        Self { bound: 0, follows_parent: false }
    }

    /// Records this share of all traces, from 0 to 1; what lies outside counts as the nearer end, NaN as 0.
    ///
    /// The trace id decides, by the arithmetic of the OpenTelemetry SDKs: services with the same ratio record the same traces.
    pub const fn ratio(share: f64) -> Self {
        // A float casts to an integer with saturation, and NaN to zero.
        let bound = (share * Self::ALL as f64) as u64;
        Self { bound: if bound > Self::ALL { Self::ALL } else { bound }, follows_parent: false }
    }

    /// Follows the caller's decision where there is a caller.
    #[must_use]
    pub const fn parent_based(mut self) -> Self {
        self.follows_parent = true;
        self
    }

    /// Whether a span is recorded: `here` of the caller's `parent`, or the root of a new trace.
    pub fn samples(&self, parent: Option<&TraceParent>, here: &TraceParent) -> bool {
        if self.follows_parent
            && let Some(parent) = parent
        {
            return parent.is_sampled();
        }
        let low = here.trace_id().get(16..).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        low.is_some_and(|low| low >> 1 < self.bound)
    }
}

/// Every trace that starts here, and of others those that the caller records.
impl Default for Sampler {
    fn default() -> Self {
        Self::always_on().parent_based()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(low: &str) -> TraceParent {
        format!("00-4bf92f3577b34da6{low}-00f067aa0ba902b7-01").parse().unwrap()
    }

    #[test]
    fn the_trace_id_decides_as_in_the_sdks_of_opentelemetry() {
        let (least, most) = (trace("0000000000000001"), trace("ffffffffffffffff"));
        for (share, sampled) in
            [(0.0, [false, false]), (0.5, [true, false]), (1.0, [true, true]), (7.0, [true, true])]
        {
            let sampler = Sampler::ratio(share);
            assert_eq!([&least, &most].map(|here| sampler.samples(None, here)), sampled, "{share}");
        }
        let half = [trace("7fffffffffffffff"), trace("8000000000000000")];
        assert_eq!(half.map(|here| Sampler::ratio(0.5).samples(None, &here)), [true, false]);
        assert_eq!(Sampler::ratio(f64::NAN), Sampler::always_off());
        assert_eq!(Sampler::ratio(-1.0), Sampler::always_off());
    }

    #[test]
    fn a_parent_is_followed_only_where_that_is_asked_for() {
        let parent = trace("ffffffffffffffff");
        let child = parent.child();
        assert!(Sampler::ratio(0.1).parent_based().samples(Some(&parent), &child));
        assert!(!Sampler::ratio(0.1).samples(Some(&parent), &child));
        assert!(!Sampler::default().samples(Some(&parent.with_sampled(false)), &child));
        assert!(Sampler::default().samples(None, &child));
    }
}
