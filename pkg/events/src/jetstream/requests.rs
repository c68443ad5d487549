//! Requests that leave nothing behind when nobody waits for their answers any more.
//!
//! The client has requests of its own, all answered over one subscription. It keeps an entry for each until the answer comes:
//! one that was given up, or that a lost connection swallowed, stays for as long as the client lives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::client::PublishError;
use async_nats::{HeaderMap, Message, StatusCode, Subject, Subscriber};
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use super::connection::Connection;
use super::{Inner, answers};
use crate::EventsError;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    #[error("nobody answers requests on this subject")]
    NobodyThere,
    #[error("the client did not take the request")]
    Refused(#[source] PublishError),
    #[error("the connection is closed")]
    Closed,
    #[error("the connection was closed before the answer came")]
    Lost,
}

/// The requests that wait for answers, and the subscription by which they are answered. Dropped, it ends.
pub(super) struct Requests {
    inbox: String,
    waiting: Arc<Waiting>,
    _handing_out: AbortOnDropHandle<()>,
}

/// Who waits for which answer.
struct Waiting(Mutex<State>);

struct State {
    next: u64,
    /// None once no answer will ever come.
    senders: Option<HashMap<u64, oneshot::Sender<Message>>>,
}

/// Waits for one answer, and is forgotten with it.
struct Ticket<'a> {
    waiting: &'a Waiting,
    number: u64,
    answer: oneshot::Receiver<Message>,
}

impl Waiting {
    fn open() -> Self {
        Self(Mutex::new(State { next: 0, senders: Some(HashMap::new()) }))
    }

    fn ticket(&self) -> Option<Ticket<'_>> {
        let (sender, answer) = oneshot::channel();
        let mut state = self.state();
        let number = state.next;
        state.next = number.wrapping_add(1);
        state.senders.as_mut()?.insert(number, sender);
        Some(Ticket { waiting: self, number, answer })
    }

    fn answer(&self, number: u64, message: Message) {
        let sender = self.state().senders.as_mut().and_then(|senders| senders.remove(&number));
        if let Some(sender) = sender {
            // Who waited may just have given up.
            drop(sender.send(message));
        }
    }

    fn close(&self) {
        self.state().senders = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let sender = self.waiting.state().senders.as_mut().and_then(|senders| senders.remove(&self.number));
        drop(sender);
    }
}

/// Whatever ends the task that hands out answers, its runtime included: nobody waits for one any more.
struct CloseOnDrop(Arc<Waiting>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Hands out answers until the subscription ends.
async fn hand_out(mut subscriber: Subscriber, waiting: CloseOnDrop) {
    while let Some((number, message)) = answers::next(&mut subscriber).await {
        waiting.0.answer(number, message);
    }
}

impl Requests {
    /// Subscribes to the answers. They are handed out in the runtime that runs the connection as well.
    pub(super) async fn open(connection: &Connection) -> Result<Self, EventsError> {
        let (inbox, subscriber) = connection.inbox().await?;
        let waiting = Arc::new(Waiting::open());
        let handing_out = tokio::spawn(hand_out(subscriber, CloseOnDrop(Arc::clone(&waiting))));
        Ok(Self { inbox, waiting, _handing_out: AbortOnDropHandle::new(handing_out) })
    }
}

impl Inner {
    /// Sends a message at the first poll, unless the connection has a queue, and waits for its answer. Not bounded in time.
    ///
    /// # Cancel safety
    /// The message may be sent, and nobody learns of its answer.
    pub(super) async fn request(
        &self,
        subject: Subject,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Result<Message, Unanswered> {
        let Requests { inbox, waiting, .. } = &self.requests;
        let mut ticket = waiting.ticket().ok_or(Unanswered::Closed)?;
        let reply = format!("{inbox}.{}", ticket.number);
        let client = self.connection.client();
        let sent = match headers {
            Some(headers) => client.publish_with_reply_and_headers(subject, reply, headers, payload).await,
            None => client.publish_with_reply(subject, reply, payload).await,
        };
        sent.map_err(Unanswered::Refused)?;
        let message = (&mut ticket.answer).await.map_err(|_| Unanswered::Lost)?;
        if message.status == Some(StatusCode::NO_RESPONDERS) {
            return Err(Unanswered::NobodyThere);
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &'static str) -> Message {
        Message {
            subject: "_INBOX.x.0".into(),
            reply: None,
            payload: Bytes::from_static(text.as_bytes()),
            headers: None,
            status: None,
            description: None,
            length: 0,
        }
    }

    fn waiting_for(waiting: &Waiting) -> usize {
        waiting.state().senders.as_ref().map_or(0, HashMap::len)
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_forgotten() {
        let waiting = Waiting::open();
        let (first, mut second) = (waiting.ticket().unwrap(), waiting.ticket().unwrap());
        assert_eq!((first.number, second.number, waiting_for(&waiting)), (0, 1, 2));
        drop(first);
        assert_eq!(waiting_for(&waiting), 1);
        waiting.answer(0, message("late"));
        waiting.answer(1, message("in time"));
        assert_eq!((&mut second.answer).await.unwrap().payload, "in time");
        assert_eq!(waiting_for(&waiting), 0);
    }

    #[tokio::test]
    async fn a_task_that_is_gone_ends_every_wait() {
        let waiting = Arc::new(Waiting::open());
        let mut ticket = waiting.ticket().unwrap();
        drop(CloseOnDrop(Arc::clone(&waiting)));
        assert!((&mut ticket.answer).await.is_err());
        assert!(waiting.ticket().is_none());
    }
}
