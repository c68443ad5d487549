//! Requests that leave nothing behind when their answers are no longer awaited.
//!
//! The client's own requests share one subscription too, and keep an entry for each until its answer comes: one that was
//! given up, or whose answer was lost with a connection, stays for as long as the client lives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{Client, Message, Subject, SubscribeError, Subscriber};
use tokio::sync::{broadcast, oneshot};
use tokio_util::task::AbortOnDropHandle;

use crate::denial::Denial;
use crate::numbered;

/// The answer to a request, or why there will be none.
pub(crate) type Answer = Result<Message, Denial>;

/// The requests that wait for answers, and the subscription over which the answers come. Dropped, it ends.
pub(crate) struct PendingRequests {
    inbox: String,
    table: Arc<Table>,
    _dispatch: AbortOnDropHandle<()>,
}

struct Table(Mutex<State>);

struct State {
    next: u64,
    /// None once the subscription has ended.
    waiting: Option<HashMap<u64, Waiting>>,
}

struct Waiting {
    subject: Subject,
    sender: oneshot::Sender<Answer>,
}

/// A request that waits for its answer. Dropped, it is forgotten.
pub(crate) struct PendingRequest<'a> {
    table: &'a Table,
    number: u64,
    answer: oneshot::Receiver<Answer>,
}

impl PendingRequests {
    /// Subscribes to the answers.
    pub(crate) async fn open(
        client: &Client,
        denials: broadcast::Receiver<Denial>,
    ) -> Result<Self, SubscribeError> {
        let inbox = client.new_inbox();
        let subscriber = client.subscribe(format!("{inbox}.*")).await?;
        let table = Arc::new(Table::new());
        let dispatch = dispatch(subscriber, denials, inbox.clone(), CloseOnDrop(Arc::clone(&table)));
        Ok(Self { inbox, table, _dispatch: AbortOnDropHandle::new(tokio::spawn(dispatch)) })
    }

    /// Notes a request to this subject; none when no answer can come any more.
    pub(crate) fn add(&self, subject: Subject) -> Option<PendingRequest<'_>> {
        self.table.add(subject)
    }

    /// Where the answer to a request goes.
    pub(crate) fn reply_to(&self, request: &PendingRequest<'_>) -> Subject {
        format!("{}.{}", self.inbox, request.number).into()
    }

    /// How many requests wait for an answer.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}

impl PendingRequest<'_> {
    /// The answer; none when the subscription ended before it came.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for PendingRequest<'_> {
    fn drop(&mut self) {
        drop(self.table.take(self.number));
    }
}

impl Table {
    fn new() -> Self {
        Self(Mutex::new(State { next: 0, waiting: Some(HashMap::new()) }))
    }

    fn add(&self, subject: Subject) -> Option<PendingRequest<'_>> {
        let (sender, answer) = oneshot::channel();
        let mut state = self.state();
        let number = state.next;
        state.next = number.wrapping_add(1);
        state.waiting.as_mut()?.insert(number, Waiting { subject, sender });
        Some(PendingRequest { table: self, number, answer })
    }

    fn take(&self, number: u64) -> Option<Waiting> {
        self.state().waiting.as_mut().and_then(|waiting| waiting.remove(&number))
    }

    fn answered(&self, number: u64, message: Message) {
        if let Some(waiting) = self.take(number) {
            drop(waiting.sender.send(Ok(message)));
        }
    }

    /// Ends the requests to which a denial applies: those to its subject, or all when the answers cannot arrive.
    fn denied(&self, denial: &Denial, inbox: &str) {
        let concerned = |subject: &Subject| match denial {
            Denial::Publish(denied) => subject == denied,
            Denial::Subscribe(denied) => denied.strip_prefix(inbox).is_some_and(|rest| rest == ".*"),
        };
        let mut state = self.state();
        let Some(waiting) = state.waiting.as_mut() else { return };
        let ended: Vec<_> = waiting.extract_if(|_, waiting| concerned(&waiting.subject)).collect();
        drop(state);
        for (_, waiting) in ended {
            drop(waiting.sender.send(Err(denial.clone())));
        }
    }

    fn len(&self) -> usize {
        self.state().waiting.as_ref().map_or(0, HashMap::len)
    }

    fn close(&self) {
        self.state().waiting = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends every wait when the dispatching task ends, also when its runtime does.
struct CloseOnDrop(Arc<Table>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

async fn dispatch(
    mut subscriber: Subscriber,
    mut denials: broadcast::Receiver<Denial>,
    inbox: String,
    table: CloseOnDrop,
) {
    loop {
        tokio::select! {
            biased;
            answer = numbered::next(&mut subscriber) => match answer {
                Some((number, message)) => table.0.answered(number, message),
                None => return,
            },
            denial = denials.recv() => match denial {
                Ok(denial) => table.0.denied(&denial, &inbox),
                // Those requests end at their timeouts.
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

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

    #[tokio::test]
    async fn a_request_that_is_given_up_is_forgotten() {
        let table = Table::new();
        let (first, mut second) = (table.add("a".into()).unwrap(), table.add("a".into()).unwrap());
        assert_eq!((first.number, second.number, table.len()), (0, 1, 2));
        drop(first);
        assert_eq!(table.len(), 1);
        table.answered(0, message("late"));
        table.answered(1, message("in time"));
        assert_eq!(second.answer().await.unwrap().unwrap().payload, "in time");
        assert_eq!(table.len(), 0);
    }

    #[tokio::test]
    async fn a_denial_ends_the_requests_to_its_subject() {
        let table = Table::new();
        let (mut denied, other) = (table.add("a".into()).unwrap(), table.add("b".into()).unwrap());
        table.denied(&Denial::Publish("a".into()), "_INBOX.x");
        table.denied(&Denial::Subscribe("_INBOX.y.*".into()), "_INBOX.x");
        assert_eq!(denied.answer().await.unwrap().unwrap_err(), Denial::Publish("a".into()));
        assert_eq!(table.len(), 1);
        table.denied(&Denial::Subscribe("_INBOX.x.*".into()), "_INBOX.x");
        assert_eq!(table.len(), 0);
        drop(other);
    }

    #[tokio::test]
    async fn the_end_of_the_subscription_ends_every_wait() {
        let table = Arc::new(Table::new());
        let mut request = table.add("a".into()).unwrap();
        drop(CloseOnDrop(Arc::clone(&table)));
        assert!(request.answer().await.is_none());
        assert!(table.add("a".into()).is_none());
    }
}
