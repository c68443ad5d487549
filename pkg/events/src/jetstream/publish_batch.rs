//! Publishes many events within one window: sends them in their order, and takes the answers as they arrive.

use async_nats::Message;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep_until};
use underpin_nats::{Denial, Reply, ReplyInbox};

use super::encode_ahead::{Encoded, encode};
use super::failure::Failure;
use super::pending_acks::{PendingAck, PendingAcks};
use super::publisher::Publisher;
use super::window_permits::WindowPermits;
use super::wire::Outbound;
use crate::{Event, EventsError, PublishReceipt, deadline};

type Published = Result<PublishReceipt, EventsError>;

/// Publishes events so that their first attempts reach the connection in their order.
pub(super) async fn publish(publisher: &Publisher, events: Vec<Event>) -> Vec<Published> {
    Batch::new(publisher, events).run().await
}

/// Events that are published together.
struct Batch<'a> {
    publisher: &'a Publisher,
    deadline: Instant,
    /// Each is dropped when it is acknowledged.
    events: Vec<Option<Event>>,
    results: Vec<Option<Published>>,
    /// Encoded while the server is busy, so that they are sent without a pause between them.
    encoded: Encoded,
    pending: PendingAcks,
    /// How many were pending when the window was last filled.
    filled: usize,
    permits: WindowPermits<'a>,
    inbox: Option<ReplyInbox>,
    retries: FuturesUnordered<BoxFuture<'a, (usize, Published)>>,
}

/// What a batch waits for.
enum BatchEvent {
    Answer(u64, Message),
    /// The server refuses messages to a subject.
    Denied(Denial),
    /// The oldest pending event gets no answer any more.
    NoAnswer(Failure),
    /// A retry is over.
    Retried(usize, Published),
    /// The window has room again.
    Room,
    /// Nothing is left to wait for.
    Done,
}

impl<'a> Batch<'a> {
    fn new(publisher: &'a Publisher, events: Vec<Event>) -> Self {
        let mut batch = Self {
            publisher,
            deadline: deadline::after(publisher.settings.timeout),
            results: events.iter().map(|_| None).collect(),
            events: events.into_iter().map(Some).collect(),
            encoded: Encoded::new(),
            pending: PendingAcks::default(),
            filled: 0,
            permits: WindowPermits::default(),
            inbox: None,
            retries: FuturesUnordered::new(),
        };
        batch.encoded = encode(publisher, &batch.events, 0);
        batch
    }

    async fn run(mut self) -> Vec<Published> {
        loop {
            // Once a quarter is answered, as many as fit: one for each answer would go out as packets of one.
            if self.pending.count <= self.filled - self.filled / 4 {
                self.fill().await;
            }
            match self.next().await {
                BatchEvent::Answer(number, message) => self.answered(number, &message),
                BatchEvent::Denied(denial) => self.denied(&denial),
                BatchEvent::NoAnswer(failure) => {
                    if let Some(PendingAck { index, .. }) = self.pending.take_oldest() {
                        let permit = self.permits.take_one();
                        self.retry(index, failure, permit);
                    }
                }
                BatchEvent::Retried(index, result) => self.complete(index, result),
                BatchEvent::Room => {}
                BatchEvent::Done => break,
            }
        }
        if let Some(inbox) = self.inbox {
            self.publisher.api.connection.release_inbox(inbox);
        }
        self.results.into_iter().map(|result| result.unwrap_or(Err(EventsError::Closed))).collect()
    }

    /// Sends as many as the window has room for. While none is pending, the first waits for a permit.
    async fn fill(&mut self) {
        self.permits.release_done();
        while !self.encoded.is_empty() {
            let permit = match self.publisher.window.try_acquire() {
                Ok(permit) => Ok(permit),
                Err(_) if self.pending.count == 0 && self.retries.is_empty() => {
                    self.publisher.permit(self.deadline).await
                }
                Err(_) => break,
            };
            let Some((index, message)) = self.encoded.pop_front() else { break };
            match (message, permit) {
                (Err(error), _) | (_, Err(error)) => self.complete(index, Err(error)),
                (Ok(message), Ok(permit)) => match self.first_attempt(index, message).await {
                    Ok((number, sent)) => {
                        self.pending.push(number, sent);
                        self.permits.add(permit);
                    }
                    Err(failure) => self.retry(index, failure, Some(permit)),
                },
            }
            if self.encoded.is_empty() {
                self.encoded = encode(self.publisher, &self.events, index + 1);
            }
        }
        self.filled = self.pending.count;
    }

    /// Waits. One timer is for the oldest, since no other is due before it.
    async fn next(&mut self) -> BatchEvent {
        let (Some(oldest), Some(inbox)) = (self.pending.oldest(), self.inbox.as_mut()) else {
            let room = !self.encoded.is_empty();
            return tokio::select! {
                biased;
                retried = self.retries.next() => {
                    retried.map_or(BatchEvent::Done, |(index, result)| BatchEvent::Retried(index, result))
                }
                // Those that were never sent need not wait for a retry.
                Ok(_free) = self.publisher.permit(self.deadline), if room => BatchEvent::Room,
            };
        };
        let answer = match inbox.try_next() {
            Some(answer) => answer,
            None => {
                self.permits.release_done();
                tokio::select! {
                    biased;
                    answer = inbox.next() => answer,
                    () = self.publisher.api.connection.lost(oldest.epoch) => {
                        return BatchEvent::NoAnswer(Failure::unanswered(EventsError::Disconnected));
                    }
                    () = sleep_until(oldest.until) => return BatchEvent::NoAnswer(self.publisher.no_answer()),
                    Some((index, result)) = self.retries.next() => return BatchEvent::Retried(index, result),
                }
            }
        };
        match answer {
            Reply::Answer(number, message) => BatchEvent::Answer(number, message),
            Reply::Denied(denial) => BatchEvent::Denied(denial),
            // The client has ended.
            _ => BatchEvent::NoAnswer(Failure::unanswered(EventsError::Disconnected)),
        }
    }

    fn answered(&mut self, number: u64, message: &Message) {
        // A late answer: its event is being retried.
        let Some(PendingAck { index, subject, size, .. }) = self.pending.take(number) else { return };
        match self.publisher.receipt(message, &subject, size) {
            Ok(receipt) => {
                drop(self.take_event(index));
                self.permits.done += 1;
                self.complete(index, Ok(receipt));
            }
            Err(failure) => {
                let permit = self.permits.take_one();
                self.retry(index, failure, permit);
            }
        }
    }

    /// Ends the events whose subject the server refuses: it answers them in no other way.
    fn denied(&mut self, denial: &Denial) {
        let Denial::Publish(subject) = denial else { return };
        for PendingAck { index, .. } in self.pending.take_subject(subject) {
            drop(self.take_event(index));
            self.permits.done += 1;
            self.complete(index, Err(EventsError::Unauthorized(denial.clone().into())));
        }
    }

    /// Retries an event whose first attempt failed.
    fn retry(&mut self, index: usize, failure: Failure, permit: Option<SemaphorePermit<'a>>) {
        let (publisher, deadline) = (self.publisher, self.deadline);
        let event = self.take_event(index);
        self.retries.push(Box::pin(async move {
            let message = event.ok_or(EventsError::Closed).and_then(|event| publisher.outbound(&event));
            let result = match message {
                Ok(message) => publisher.send_again(&message, deadline, failure).await,
                Err(error) => Err(error),
            };
            drop(permit);
            (index, result)
        }));
    }

    fn take_event(&mut self, index: usize) -> Option<Event> {
        self.events.get_mut(index).and_then(Option::take)
    }

    fn complete(&mut self, index: usize, result: Published) {
        if let Some(slot) = self.results.get_mut(index) {
            *slot = Some(result);
        }
    }

    /// Hands a message to the connection, behind those before it.
    async fn first_attempt(&mut self, index: usize, message: Outbound) -> Result<(u64, PendingAck), Failure> {
        let publisher = self.publisher;
        let (epoch, until) = publisher.ready(self.deadline).await?;
        let opened = match &self.inbox {
            Some(inbox) if inbox.session() == publisher.api.connection.session() => None,
            // The client was rebuilt. The numbers go on, so that the pending ones stay in their order.
            Some(ended) => Some(publisher.api.connection.reply_inbox_from(ended.next_number()).await),
            None => Some(publisher.api.connection.reply_inbox().await),
        };
        if let Some(opened) = opened {
            self.inbox = Some(opened.map_err(|error| Failure::unprepared(error.into()))?);
        }
        let Some(inbox) = &mut self.inbox else {
            return Err(Failure::unprepared(EventsError::Disconnected));
        };
        let Outbound { subject, headers, payload } = message;
        let size = payload.len();
        let (number, reply) = inbox.number();
        let sent =
            publisher.api.connection.publish(subject.clone(), Some(reply), Some(headers), payload).await;
        sent.map_err(Failure::not_taken)?;
        Ok((number, PendingAck { index, subject, size, epoch, until }))
    }
}
