//! Requests that leave nothing behind when their answers are no longer awaited.
//!
//! The client's own requests share one subscription too, and keep an entry for each until its answer comes: one that was
//! given up, or whose answer was lost with a connection, stays for as long as the client lives.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{Client, Message, Subject, SubscribeError, Subscriber};
use tokio::sync::{broadcast, oneshot, watch};
use tokio_util::task::AbortOnDropHandle;

use crate::denial::Denial;
use crate::link::LinkState;
use crate::numbered;

/// The answer to a request, or why there will be none.
pub(crate) type Answer = Result<Message, Denial>;

/// The requests that wait for answers, and the subscription over which the answers come. Dropped, it ends.
pub(crate) struct PendingRequests {
    inbox: String,
    table: Arc<Table>,
    _dispatch: AbortOnDropHandle<()>,
}

/// The requests by number. Threads that send at the same time use different shards.
struct Table {
    next: AtomicU64,
    closed: AtomicBool,
    shards: [Mutex<Shard>; SHARDS],
}

const SHARDS: usize = 8;
/// The room that a shard keeps when few requests wait.
const KEPT: usize = 1024;

type Shard = HashMap<u64, Waiting>;

struct Waiting {
    subject: Subject,
    epoch: u64,
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
        link: watch::Receiver<LinkState>,
    ) -> Result<Self, SubscribeError> {
        let inbox = client.new_inbox();
        let subscriber = client.subscribe(format!("{inbox}.*")).await?;
        let table = Arc::new(Table::new());
        let (guard, prefix) = (CloseOnDrop(Arc::clone(&table)), inbox.clone());
        let dispatch = async move { dispatch(&guard, &prefix, subscriber, denials, link).await };
        Ok(Self { inbox, table, _dispatch: AbortOnDropHandle::new(tokio::spawn(dispatch)) })
    }

    /// Notes a request to this subject over the link of this epoch; none when no answer can come any more.
    pub(crate) fn add(&self, subject: Subject, epoch: u64) -> Option<PendingRequest<'_>> {
        self.table.add(subject, epoch)
    }

    /// Whether no answer can come any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.table.closed.load(Ordering::SeqCst)
    }

    /// Where the answer to a request goes.
    pub(crate) fn reply_to(&self, request: &PendingRequest<'_>) -> Subject {
        numbered::subject(&self.inbox, request.number)
    }

    /// How many requests wait for an answer.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}

impl PendingRequest<'_> {
    /// The answer; none when the link was lost or the subscription ended before it came.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for PendingRequest<'_> {
    fn drop(&mut self) {
        // An answered request is not in the table any more.
        if !self.answer.is_terminated() {
            drop(self.table.take(self.number));
        }
    }
}

impl Table {
    fn new() -> Self {
        Self { next: AtomicU64::new(0), closed: AtomicBool::new(false), shards: Default::default() }
    }

    fn add(&self, subject: Subject, epoch: u64) -> Option<PendingRequest<'_>> {
        let (sender, answer) = oneshot::channel();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut shard = self.shard(number);
        // Under the lock of the shard, which `close` takes after it has set the flag.
        if self.closed.load(Ordering::SeqCst) {
            return None;
        }
        shard.insert(number, Waiting { subject, epoch, sender });
        Some(PendingRequest { table: self, number, answer })
    }

    fn take(&self, number: u64) -> Option<Waiting> {
        let mut shard = self.shard(number);
        let taken = shard.remove(&number);
        // The room for a burst is given back, in steps that are rare.
        let (used, room) = (shard.len(), shard.capacity());
        if room > KEPT && used < room / 8 {
            shard.shrink_to(KEPT.max(used * 2));
        }
        taken
    }

    fn answered(&self, number: u64, message: Message) {
        if let Some(waiting) = self.take(number) {
            drop(waiting.sender.send(Ok(message)));
        }
    }

    /// Ends the requests to which a denial applies: those to its subject, or all when the answers cannot arrive.
    fn denied(&self, denial: &Denial, inbox: &str) {
        let concerned = |waiting: &Waiting| match denial {
            Denial::Publish(denied) => waiting.subject == *denied,
            Denial::Subscribe(denied) => denied.strip_prefix(inbox).is_some_and(|rest| rest == ".*"),
        };
        for waiting in self.extract(concerned) {
            drop(waiting.sender.send(Err(denial.clone())));
        }
    }

    /// Ends the requests of earlier epochs, and all of a closed link.
    fn lost(&self, link: LinkState) {
        drop(self.extract(|waiting| waiting.epoch != link.epoch || link.closed));
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        drop(self.extract(|_| true));
    }

    /// Takes out what fulfils the condition, whose waits end when it is dropped.
    fn extract(&self, condition: impl Fn(&Waiting) -> bool) -> Vec<Waiting> {
        let mut taken = Vec::new();
        for shard in &self.shards {
            taken.extend(lock(shard).extract_if(|_, waiting| condition(waiting)).map(|(_, waiting)| waiting));
        }
        taken
    }

    fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn shard(&self, number: u64) -> MutexGuard<'_, Shard> {
        let [first, ..] = &self.shards;
        let index = usize::try_from(number % SHARDS as u64).unwrap_or(0);
        lock(self.shards.get(index).unwrap_or(first))
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends every wait when the dispatching task ends, also when its runtime does.
struct CloseOnDrop(Arc<Table>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Gives each request its answer, or ends its wait.
async fn dispatch(
    CloseOnDrop(table): &CloseOnDrop,
    inbox: &str,
    mut subscriber: Subscriber,
    mut denials: broadcast::Receiver<Denial>,
    mut link: watch::Receiver<LinkState>,
) {
    loop {
        tokio::select! {
            biased;
            answer = numbered::next(&mut subscriber) => match answer {
                Some((number, message)) => table.answered(number, message),
                None => return,
            },
            denial = denials.recv() => match denial {
                Ok(denial) => table.denied(&denial, inbox),
                // Those requests end at their timeouts.
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            },
            changed = link.changed() => match changed {
                Ok(()) => table.lost(*link.borrow_and_update()),
                Err(_) => return,
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

    fn add<'a>(table: &'a Table, subject: &'static str) -> PendingRequest<'a> {
        table.add(subject.into(), 0).unwrap()
    }

    #[tokio::test]
    async fn a_lost_link_ends_the_requests_of_its_epoch() {
        let table = Table::new();
        let (mut old, _new) = (add(&table, "a"), table.add("a".into(), 1).unwrap());
        table.lost(LinkState { epoch: 1, up: true, ..LinkState::default() });
        assert!(old.answer().await.is_none());
        assert_eq!(table.len(), 1, "the request of the new link waits on");
        table.lost(LinkState { epoch: 1, closed: true, ..LinkState::default() });
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn a_hundred_thousand_requests_without_an_answer_leave_nothing() {
        let table = Table::new();
        let waiting: Vec<_> = (0..100_000).map(|_| add(&table, "a")).collect();
        drop(waiting);
        assert_eq!(table.len(), 0);
        let kept: usize = table.shards.iter().map(|shard| lock(shard).capacity()).sum();
        assert!(kept <= 8 * 2 * KEPT, "room for {kept} is kept");
    }

    #[tokio::test]
    async fn a_request_that_is_given_up_is_forgotten() {
        let table = Table::new();
        let (first, mut second) = (add(&table, "a"), add(&table, "a"));
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
        let (mut denied, other) = (add(&table, "a"), add(&table, "b"));
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
        let mut request = add(&table, "a");
        drop(CloseOnDrop(Arc::clone(&table)));
        assert!(request.answer().await.is_none());
        assert!(table.add("a".into(), 0).is_none());
    }
}
