use std::time::Duration;

/// How long a relay that found nothing waits: a millisecond at first, twice as long each time, at most `poll`.
///
/// A wake-up is only a hint: it can come before the commit it tells of (in this process), or be lost. The quick looks
/// after it, and after each batch, make that good within about the time that has passed already.
#[derive(Debug)]
pub(super) struct Pace {
    poll: Duration,
    next: Duration,
    /// Turns in a row that found something, and those that did not.
    busy: u32,
    idle: u32,
}

/// Whether producers should wake the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bell {
    On,
    Off,
}

impl Pace {
    const FIRST: Duration = Duration::from_millis(1);

    pub(super) fn new(poll: Duration) -> Self {
        Self { poll, next: Self::FIRST.min(poll), busy: 0, idle: 0 }
    }

    pub(super) fn found(&mut self) {
        self.next = Self::FIRST.min(self.poll);
        (self.busy, self.idle) = (self.busy.saturating_add(1), 0);
    }

    /// Nothing was found: the wait until the next look.
    pub(super) fn nothing(&mut self) -> Duration {
        self.idle = self.idle.saturating_add(1);
        let wait = self.next;
        self.next = (self.next * 2).min(self.poll);
        wait
    }

    pub(super) fn woken(&mut self) {
        self.next = Self::FIRST.min(self.poll);
    }

    /// What the bell should be, if it should change: off while there is always work, since NOTIFY makes the commits of
    /// all producers wait for each other; on again before the relay sleeps for longer.
    pub(super) fn bell(&mut self, now: Bell) -> Option<Bell> {
        match now {
            // 64 batches with hardly a pause.
            Bell::On if self.busy >= 64 => Some(Bell::Off),
            Bell::Off if self.idle >= 6 => Some(Bell::On),
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
    fn the_first_looks_are_quick_and_the_later_ones_slow() {
        let mut pace = Pace::new(Duration::from_millis(100));
        let waits: Vec<u128> = (0..9).map(|_| pace.nothing().as_millis()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 100, 100]);
        pace.woken();
        assert_eq!(pace.nothing().as_millis(), 1);
    }

    #[test]
    fn the_bell_is_off_only_while_there_is_always_work() {
        let mut pace = Pace::new(Duration::from_secs(1));
        for _ in 0..200 {
            pace.found();
            assert_eq!(pace.bell(Bell::On), (pace.busy >= 64).then_some(Bell::Off));
            pace.nothing();
        }
        let mut changes = Vec::new();
        for _ in 0..10 {
            pace.nothing();
            changes.extend(pace.bell(Bell::Off));
        }
        assert_eq!(changes.first(), Some(&Bell::On));
        // Sporadic work: each event is followed by silence.
        let mut pace = Pace::new(Duration::from_secs(1));
        for _ in 0..500 {
            pace.found();
            assert_eq!(pace.bell(Bell::On), None);
            for _ in 0..4 {
                pace.nothing();
                assert_eq!(pace.bell(Bell::On), None);
            }
        }
    }
}
