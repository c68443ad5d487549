use std::time::Duration;

/// The pause between polls that find nothing: a millisecond at first, doubled each time, at most `poll`.
///
/// A wake-up is only a hint: within a process it comes before the commit, and it can be lost. The quick polls after it, and
/// after each batch, make that good within about the time that has passed already.
#[derive(Debug)]
pub struct PollBackoff {
    poll: Duration,
    next: Duration,
    /// Poll cycles in a row that found something, and those that did not.
    busy: u32,
    idle: u32,
}

/// Whether producers send a NOTIFY. It makes the commits of all producers of the server wait for each other, so they do
/// only while a consumer sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifyMode {
    /// They do.
    On,
    /// They do not.
    Off,
}

impl PollBackoff {
    const FIRST: Duration = Duration::from_millis(1);

    /// Pauses of `poll` at most.
    pub fn new(poll: Duration) -> Self {
        Self { poll, next: Self::FIRST.min(poll), busy: 0, idle: 0 }
    }

    /// A poll found something.
    pub fn found(&mut self) {
        self.next = Self::FIRST.min(self.poll);
        (self.busy, self.idle) = (self.busy.saturating_add(1), 0);
    }

    /// The pause before the next poll, after one that found nothing.
    pub fn found_nothing(&mut self) -> Duration {
        self.idle = self.idle.saturating_add(1);
        let wait = self.next;
        self.next = (self.next * 2).min(self.poll);
        wait
    }

    /// A wake-up came: the next pauses are short again.
    pub fn reset(&mut self) {
        self.next = Self::FIRST.min(self.poll);
    }

    /// What the mode should be, if it should change: off while there is always work, since NOTIFY makes the commits of
    /// all producers wait for each other; on again before the relay sleeps for longer.
    pub fn notify_mode(&mut self, now: NotifyMode) -> Option<NotifyMode> {
        match now {
            // 64 batches with hardly a pause.
            NotifyMode::On if self.busy >= 64 => Some(NotifyMode::Off),
            NotifyMode::Off if self.idle >= 6 => Some(NotifyMode::On),
            _ => {
                if self.idle >= 3 {
                    self.busy = 0;
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_polls_are_quick_and_the_later_ones_slow() {
        let mut backoff = PollBackoff::new(Duration::from_millis(100));
        let waits: Vec<u128> = (0..9).map(|_| backoff.found_nothing().as_millis()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 100, 100]);
        backoff.reset();
        assert_eq!(backoff.found_nothing().as_millis(), 1);
    }

    #[test]
    fn producers_notify_unless_there_is_always_work() {
        let mut backoff = PollBackoff::new(Duration::from_secs(1));
        for _ in 0..200 {
            backoff.found();
            assert_eq!(backoff.notify_mode(NotifyMode::On), (backoff.busy >= 64).then_some(NotifyMode::Off));
            backoff.found_nothing();
        }
        let mut changes = Vec::new();
        for _ in 0..10 {
            backoff.found_nothing();
            changes.extend(backoff.notify_mode(NotifyMode::Off));
        }
        assert_eq!(changes.first(), Some(&NotifyMode::On));
        // Sporadic work: each event is followed by silence.
        let mut backoff = PollBackoff::new(Duration::from_secs(1));
        for _ in 0..500 {
            backoff.found();
            assert_eq!(backoff.notify_mode(NotifyMode::On), None);
            for _ in 0..4 {
                backoff.found_nothing();
                assert_eq!(backoff.notify_mode(NotifyMode::On), None);
            }
        }
    }
}
