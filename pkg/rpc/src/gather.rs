use std::time::Duration;

/// When a [`gather`](crate::Caller::gather) has enough replies. Its deadline ends it in any case.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_rpc::Gather;
///
/// // Up to five, and no longer than 100 ms after the last one.
/// let until = Gather::until_deadline().count(5).pause(Duration::from_millis(100));
/// assert_eq!(until.max_replies(), Some(5));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gather {
    count: Option<usize>,
    pause: Option<Duration>,
}

impl Gather {
    /// Every reply that comes by the deadline.
    pub const fn until_deadline() -> Self {
        Self { count: None, pause: None }
    }

    /// Ends with this many replies.
    #[must_use]
    pub const fn count(mut self, count: usize) -> Self {
        self.count = Some(count);
        self
    }

    /// Ends when no reply has come for this long after the last one.
    #[must_use]
    pub const fn pause(mut self, pause: Duration) -> Self {
        self.pause = Some(pause);
        self
    }

    /// How many replies are enough.
    pub const fn max_replies(&self) -> Option<usize> {
        self.count
    }

    /// How long to wait after a reply for another one.
    pub const fn longest_pause(&self) -> Option<Duration> {
        self.pause
    }

    pub(crate) fn is_enough(&self, replies: usize) -> bool {
        self.count.is_some_and(|count| replies >= count)
    }
}
