//! The answers to many messages, over one subscription.

use std::sync::{Mutex, PoisonError};

use async_nats::{Message, Subject, Subscriber};
use futures_util::{FutureExt, StreamExt};

use super::Inner;
use crate::EventsError;

/// An inbox whose messages are answered under numbers, which only ever grow: an answer that comes too late for one batch is
/// none to the next.
///
/// Requests that are answered one by one cost a channel and an entry of a map each ([`requests`](super::requests)).
pub(super) struct Answers {
    inbox: String,
    subscriber: Subscriber,
    next: u64,
}

impl Answers {
    /// The number of the next message, and the subject where its answer is to go.
    pub(super) fn number(&mut self) -> (u64, Subject) {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        (number, format!("{}.{number}", self.inbox).into())
    }

    /// [`next`] of this inbox.
    pub(super) async fn next(&mut self) -> Option<(u64, Message)> {
        next(&mut self.subscriber).await
    }

    /// [`next`](Self::next), when it is there already.
    pub(super) fn at_hand(&mut self) -> Option<Option<(u64, Message)>> {
        self.next().now_or_never()
    }
}

/// The next answer with its number, or none once the connection is closed.
///
/// # Cancel safety
/// Cancel safe.
pub(super) async fn next(subscriber: &mut Subscriber) -> Option<(u64, Message)> {
    loop {
        let message = subscriber.next().await?;
        // What has no number is no answer.
        if let Some(number) = number_of(&message.subject) {
            return Some((number, message));
        }
    }
}

fn number_of(subject: &str) -> Option<u64> {
    subject.rsplit_once('.')?.1.parse().ok()
}

/// The inboxes that no batch uses at the moment.
#[derive(Default)]
pub(super) struct Inboxes(Mutex<Vec<Answers>>);

/// More batches than this are rarely under way at once; what is left over is unsubscribed.
const KEPT: usize = 8;

impl Inboxes {
    fn take(&self) -> Option<Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    pub(super) fn put(&self, answers: Answers) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(answers);
        }
    }

    /// Unsubscribes all.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Inner {
    /// An inbox that nobody else uses.
    pub(super) async fn answers(&self) -> Result<Answers, EventsError> {
        if let Some(answers) = self.inboxes.take() {
            return Ok(answers);
        }
        let (inbox, subscriber) = self.connection.inbox().await?;
        Ok(Answers { inbox, subscriber, next: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_the_last_part_of_the_subject() {
        assert_eq!(number_of("_INBOX.abc.0"), Some(0));
        assert_eq!(number_of("_INBOX.7.18446744073709551615"), Some(u64::MAX));
        for bad in ["", "7", "_INBOX.abc.", "_INBOX.abc.x", "_INBOX.abc.-1"] {
            assert_eq!(number_of(bad), None, "{bad}");
        }
    }
}
