use std::sync::{Mutex, PoisonError};

use async_nats::{Message, Subject, Subscriber};
use futures_util::FutureExt;
use tokio::sync::broadcast;

use crate::denial::Denial;
use crate::numbered;

/// An inbox for the answers to many messages, which increasing numbers distinguish. A late answer to one batch is none
/// to the next.
///
/// [`Connection::request`](crate::Connection::request) costs a channel and a map entry for each message; this costs
/// neither.
#[derive(Debug)]
pub struct ReplyInbox {
    inbox: String,
    subscriber: Subscriber,
    denials: broadcast::Receiver<Denial>,
    next: u64,
    session: u64,
}

/// What arrives at a [`ReplyInbox`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Reply {
    /// The answer to the message with this number.
    Answer(u64, Message),
    /// The server refuses a subject: messages to it get no answer.
    Denied(Denial),
    /// No answer can come any more: the connection was closed or its client rebuilt.
    Ended,
}

impl ReplyInbox {
    pub(crate) fn new(
        (inbox, subscriber): (String, Subscriber),
        denials: broadcast::Receiver<Denial>,
        next: u64,
        session: u64,
    ) -> Self {
        Self { inbox, subscriber, denials, next, session }
    }

    /// The number of the next message, and the subject for its answer.
    pub fn number(&mut self) -> (u64, Subject) {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        (number, numbered::subject(&self.inbox, number))
    }

    /// The number that [`number`](Self::number) gives next.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// The client session that the inbox belongs to: see [`Connection::session`](crate::Connection::session).
    pub fn session(&self) -> u64 {
        self.session
    }

    /// Waits for the next answer.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn next(&mut self) -> Reply {
        loop {
            tokio::select! {
                biased;
                answer = numbered::next(&mut self.subscriber) => {
                    return answer.map_or(Reply::Ended, |(number, message)| Reply::Answer(number, message));
                }
                denial = self.denials.recv() => match denial {
                    Ok(denial) => return Reply::Denied(denial),
                    // Those messages end at their timeouts.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return Reply::Ended,
                },
            }
        }
    }

    /// The next answer if it has arrived already.
    pub fn try_next(&mut self) -> Option<Reply> {
        self.next().now_or_never()
    }
}

/// The inboxes of a session that no batch uses at the moment.
#[derive(Debug, Default)]
pub(crate) struct IdleInboxes(Mutex<Vec<ReplyInbox>>);

/// More batches than this rarely run at once; what is left over is unsubscribed.
const KEPT: usize = 8;

impl IdleInboxes {
    pub(crate) fn take(&self) -> Option<ReplyInbox> {
        let mut inbox = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        // What was refused before is no news.
        inbox.denials = inbox.denials.resubscribe();
        Some(inbox)
    }

    pub(crate) fn put(&self, inbox: ReplyInbox) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(inbox);
        }
    }

    /// Unsubscribes all.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
