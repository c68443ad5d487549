//! The first attempts of a batch that are on their way.

use std::collections::VecDeque;

use async_nats::Subject;
use tokio::time::Instant;

/// An event whose first attempt is on its way.
pub(super) struct Sent {
    pub(super) index: usize,
    pub(super) subject: Subject,
    pub(super) size: usize,
    /// The connection it went over, and until when its answer is awaited.
    pub(super) epoch: u64,
    pub(super) until: Instant,
}

/// The first attempts that are on their way, by the numbers of their answers.
#[derive(Default)]
pub(super) struct UnderWay {
    /// The oldest is first; one that was answered before its turn leaves a gap.
    sent: VecDeque<Option<Sent>>,
    /// The number of the first.
    first: u64,
    pub(super) count: usize,
}

impl UnderWay {
    pub(super) fn push(&mut self, number: u64, sent: Sent) {
        if self.sent.is_empty() {
            self.first = number;
        }
        // A number whose message never left is a gap from the beginning.
        while self.first.wrapping_add(self.sent.len() as u64) != number {
            self.sent.push_back(None);
        }
        self.sent.push_back(Some(sent));
        self.count += 1;
    }

    pub(super) fn oldest(&self) -> Option<&Sent> {
        self.sent.front().and_then(Option::as_ref)
    }

    /// What this number was given to, unless it is over already.
    pub(super) fn take(&mut self, number: u64) -> Option<Sent> {
        let place = usize::try_from(number.wrapping_sub(self.first)).ok()?;
        let sent = self.sent.get_mut(place)?.take()?;
        self.close_gaps();
        self.count -= 1;
        Some(sent)
    }

    /// Takes all that went to this subject.
    pub(super) fn take_subject(&mut self, subject: &Subject) -> Vec<Sent> {
        let to_it = |sent: &Option<Sent>| sent.as_ref().is_some_and(|sent| sent.subject == *subject);
        let numbers =
            (self.first..).zip(&self.sent).filter(|(_, sent)| to_it(sent)).map(|(number, _)| number);
        numbers.collect::<Vec<_>>().into_iter().filter_map(|number| self.take(number)).collect()
    }

    pub(super) fn take_oldest(&mut self) -> Option<Sent> {
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

    fn sent(index: usize) -> Sent {
        Sent { index, subject: "s".into(), size: 0, epoch: 0, until: Instant::now() }
    }

    #[tokio::test]
    async fn answers_come_in_any_order_and_late_ones_are_nobodys() {
        let mut under_way = UnderWay::default();
        for number in [7, 8, 11] {
            under_way.push(number, sent(usize::try_from(number).unwrap()));
        }
        let mut taken = |number| under_way.take(number).map(|sent| sent.index);
        assert_eq!((taken(8), taken(8), taken(9), taken(6), taken(12)), (Some(8), None, None, None, None));
        assert_eq!(under_way.oldest().map(|sent| sent.index), Some(7));
        assert_eq!(under_way.take_oldest().map(|sent| sent.index), Some(7));
        // The gaps before it are gone.
        assert_eq!((under_way.oldest().map(|sent| sent.index), under_way.count), (Some(11), 1));
        assert_eq!(under_way.take(11).map(|sent| sent.index), Some(11));
        assert!(under_way.oldest().is_none() && under_way.sent.is_empty());
        under_way.push(20, sent(20));
        assert_eq!((under_way.take(11).is_none(), under_way.take(20).is_some()), (true, true));
    }
}
