//! The events of a batch whose first attempt was sent and is not acknowledged.

use std::collections::VecDeque;

use async_nats::Subject;
use tokio::time::Instant;

/// An event whose first attempt was sent.
pub(super) struct PendingAck {
    pub(super) index: usize,
    pub(super) subject: Subject,
    pub(super) size: usize,
    /// The epoch of its connection, and how long its answer is awaited.
    pub(super) epoch: u64,
    pub(super) until: Instant,
}

/// The pending acknowledgements, by the numbers of their answers.
#[derive(Default)]
pub(super) struct PendingAcks {
    /// The oldest is first; one that was answered out of order leaves a gap.
    sent: VecDeque<Option<PendingAck>>,
    /// The number of the first.
    first: u64,
    pub(super) count: usize,
}

impl PendingAcks {
    pub(super) fn push(&mut self, number: u64, sent: PendingAck) {
        if self.sent.is_empty() {
            self.first = number;
        }
        // A number whose message was not sent is a gap.
        while self.first.wrapping_add(self.sent.len() as u64) != number {
            self.sent.push_back(None);
        }
        self.sent.push_back(Some(sent));
        self.count += 1;
    }

    pub(super) fn oldest(&self) -> Option<&PendingAck> {
        self.sent.front().and_then(Option::as_ref)
    }

    /// Takes the event of this number, unless it was taken already.
    pub(super) fn take(&mut self, number: u64) -> Option<PendingAck> {
        let index = usize::try_from(number.wrapping_sub(self.first)).ok()?;
        let sent = self.sent.get_mut(index)?.take()?;
        self.close_gaps();
        self.count -= 1;
        Some(sent)
    }

    /// Takes all that went to this subject.
    pub(super) fn take_subject(&mut self, subject: &Subject) -> Vec<PendingAck> {
        let to_it = |sent: &Option<PendingAck>| sent.as_ref().is_some_and(|sent| sent.subject == *subject);
        let numbers =
            (self.first..).zip(&self.sent).filter(|(_, sent)| to_it(sent)).map(|(number, _)| number);
        numbers.collect::<Vec<_>>().into_iter().filter_map(|number| self.take(number)).collect()
    }

    pub(super) fn take_oldest(&mut self) -> Option<PendingAck> {
        self.take(self.first)
    }

    fn close_gaps(&mut self) {
        while let Some(None) = self.sent.front() {
            self.sent.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(index: usize) -> PendingAck {
        PendingAck { index, subject: "s".into(), size: 0, epoch: 0, until: Instant::now() }
    }

    #[tokio::test]
    async fn answers_come_in_any_order_and_late_ones_are_ignored() {
        let mut pending = PendingAcks::default();
        for number in [7, 8, 11] {
            pending.push(number, sent(usize::try_from(number).unwrap()));
        }
        let mut taken = |number| pending.take(number).map(|sent| sent.index);
        assert_eq!((taken(8), taken(8), taken(9), taken(6), taken(12)), (Some(8), None, None, None, None));
        assert_eq!(pending.oldest().map(|sent| sent.index), Some(7));
        assert_eq!(pending.take_oldest().map(|sent| sent.index), Some(7));
        // The gaps before it are gone.
        assert_eq!((pending.oldest().map(|sent| sent.index), pending.count), (Some(11), 1));
        assert_eq!(pending.take(11).map(|sent| sent.index), Some(11));
        assert!(pending.oldest().is_none() && pending.sent.is_empty());
        pending.push(20, sent(20));
        assert_eq!((pending.take(11).is_none(), pending.take(20).is_some()), (true, true));
    }
}
