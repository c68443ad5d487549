use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_nats::{Message, Subject};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::deadlines::Deadlines;
use crate::denial::Denial;
use crate::link::LinkState;

/// The answer to a request, or why there will be none.
pub(crate) type Answer = Result<Message, NoAnswer>;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    Denied(Denial),
    /// The deadline of the request has passed.
    Late,
}

/// The requests by number. Threads that send at the same time use different shards.
pub(crate) struct PendingTable {
    next: AtomicU64,
    closed: AtomicBool,
    shards: [Mutex<Shard>; SHARDS],
    pub(crate) deadlines: Deadlines,
}

const SHARDS: usize = 8;
/// The room that a shard keeps when few requests wait.
const KEPT: usize = 1024;

type Shard = HashMap<u64, Waiting>;

struct Waiting {
    subject: Subject,
    epoch: u64,
    until: Instant,
    sender: oneshot::Sender<Answer>,
}

/// A request that waits for its answer. Dropped, it is forgotten.
pub(crate) struct PendingRequest<'a> {
    table: &'a PendingTable,
    pub(crate) number: u64,
    answer: oneshot::Receiver<Answer>,
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

impl PendingTable {
    pub(crate) fn new() -> Self {
        let (next, closed) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { next, closed, shards: Default::default(), deadlines: Deadlines::new() }
    }

    pub(crate) fn add(&self, subject: Subject, epoch: u64, until: Instant) -> Option<PendingRequest<'_>> {
        let (sender, answer) = oneshot::channel();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut shard = self.shard(number);
        // Under the lock of the shard, which `close` takes after it has set the flag.
        if self.closed.load(Ordering::SeqCst) {
            return None;
        }
        shard.insert(number, Waiting { subject, epoch, until, sender });
        drop(shard);
        self.deadlines.add(until);
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

    pub(crate) fn answered(&self, number: u64, message: Message) {
        if let Some(waiting) = self.take(number) {
            drop(waiting.sender.send(Ok(message)));
        }
    }

    /// Ends the requests to which a denial applies: those to its subject, or all when the answers cannot arrive.
    pub(crate) fn denied(&self, denial: &Denial, inbox: &str) {
        let concerned = |waiting: &Waiting| match denial {
            Denial::Publish(denied) => waiting.subject == *denied,
            Denial::Subscribe(denied) => denied.strip_prefix(inbox).is_some_and(|rest| rest == ".*"),
        };
        for waiting in self.extract(concerned) {
            drop(waiting.sender.send(Err(NoAnswer::Denied(denial.clone()))));
        }
    }

    /// Ends the requests whose deadlines have passed.
    pub(crate) fn expire(&self) {
        let (now, mut next) = (Instant::now(), None);
        self.deadlines.clear();
        for waiting in self.extract(|waiting| {
            let is_late = waiting.until <= now;
            if !is_late {
                next = Some(next.map_or(waiting.until, |next: Instant| next.min(waiting.until)));
            }
            is_late
        }) {
            drop(waiting.sender.send(Err(NoAnswer::Late)));
        }
        if let Some(next) = next {
            self.deadlines.add(next);
        }
    }

    /// Ends the requests of earlier epochs, and all of a closed link.
    pub(crate) fn lost(&self, link: LinkState) {
        drop(self.extract(|waiting| waiting.epoch != link.epoch || link.closed));
    }

    /// Ends every wait. No request is added any more.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        drop(self.extract(|_| true));
    }

    /// Takes out what fulfils the condition, whose waits end when it is dropped.
    fn extract(&self, mut condition: impl FnMut(&Waiting) -> bool) -> Vec<Waiting> {
        let mut taken = Vec::new();
        for shard in &self.shards {
            taken.extend(lock(shard).extract_if(|_, waiting| condition(waiting)).map(|(_, waiting)| waiting));
        }
        taken
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(crate) fn len(&self) -> usize {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

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

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn add<'a>(table: &'a PendingTable, subject: &'static str) -> PendingRequest<'a> {
        table.add(subject.into(), 0, later()).unwrap()
    }

    #[tokio::test]
    async fn a_lost_link_ends_the_requests_of_its_epoch() {
        let table = PendingTable::new();
        let (mut old, _new) = (add(&table, "a"), table.add("a".into(), 1, later()).unwrap());
        table.lost(LinkState { epoch: 1, up: true, ..LinkState::default() });
        assert!(old.answer().await.is_none());
        assert_eq!(table.len(), 1, "the request of the new link waits on");
        table.lost(LinkState { epoch: 1, closed: true, ..LinkState::default() });
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn a_hundred_thousand_requests_without_an_answer_leave_nothing() {
        let table = PendingTable::new();
        let waiting: Vec<_> = (0..100_000).map(|_| add(&table, "a")).collect();
        drop(waiting);
        assert_eq!(table.len(), 0);
        let kept: usize = table.shards.iter().map(|shard| lock(shard).capacity()).sum();
        assert!(kept <= 8 * 2 * KEPT, "room for {kept} is kept");
    }

    #[tokio::test]
    async fn a_request_that_is_given_up_is_forgotten() {
        let table = PendingTable::new();
        let (first, mut second) = (add(&table, "a"), add(&table, "a"));
        assert_eq!((first.number, second.number, table.len()), (0, 1, 2));
        drop(first);
        assert_eq!(table.len(), 1);
        table.answered(0, message("late"));
        table.answered(1, message("in time"));
        assert_eq!(second.answer().await.unwrap().unwrap().payload, "in time");
        assert_eq!(table.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_ends_at_its_deadline_and_others_wait_on() {
        let (table, began) = (PendingTable::new(), Instant::now());
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut requests = [7, 2, 5].map(|until| table.add("a".into(), 0, at(until)).unwrap());
        for (index, until) in [(1, 2), (2, 5), (0, 7)] {
            table.deadlines.passed().await;
            table.expire();
            assert_eq!(Instant::now(), at(until));
            assert_eq!(requests[index].answer().await.unwrap().unwrap_err(), NoAnswer::Late);
        }
        assert_eq!(table.len(), 0);
    }

    #[tokio::test]
    async fn a_denial_ends_the_requests_to_its_subject() {
        let table = PendingTable::new();
        let (mut denied, other) = (add(&table, "a"), add(&table, "b"));
        table.denied(&Denial::Publish("a".into()), "_INBOX.x");
        table.denied(&Denial::Subscribe("_INBOX.y.*".into()), "_INBOX.x");
        let denial = NoAnswer::Denied(Denial::Publish("a".into()));
        assert_eq!(denied.answer().await.unwrap().unwrap_err(), denial);
        assert_eq!(table.len(), 1);
        table.denied(&Denial::Subscribe("_INBOX.x.*".into()), "_INBOX.x");
        assert_eq!(table.len(), 0);
        drop(other);
    }

    #[tokio::test]
    async fn the_end_of_the_subscription_ends_every_wait() {
        let table = PendingTable::new();
        let mut request = add(&table, "a");
        table.close();
        assert!(table.is_closed());
        assert!(request.answer().await.is_none());
        assert!(table.add("a".into(), 0, later()).is_none());
    }
}
