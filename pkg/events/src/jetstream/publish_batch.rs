//! Many events in one window: sent in their order, their answers taken as they come.

use std::collections::VecDeque;

use async_nats::{Message, Subject};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep_until};
use underpin_nats::{Denial, NatsError, Reply, ReplyInbox};

use super::publisher::Failure;
use super::under_way::{Sent, UnderWay};
use super::wire::Outbound;
use super::{ContentMode, Inner};
use crate::{Event, EventsError, PublishReceipt, deadline};

type Published = Result<PublishReceipt, EventsError>;
/// Messages with the positions of their events.
type Encoded = VecDeque<(usize, Result<Outbound, EventsError>)>;

/// How many bytes are encoded ahead, or one event more.
const AHEAD: usize = 64 * 1024;

/// The places in the window that a batch has taken. Those of answered events are freed together: each time is a lock.
#[derive(Default)]
struct Places<'a> {
    taken: Option<SemaphorePermit<'a>>,
    done: usize,
}

impl<'a> Places<'a> {
    fn add(&mut self, place: SemaphorePermit<'a>) {
        match &mut self.taken {
            Some(taken) => taken.merge(place),
            none @ None => *none = Some(place),
        }
    }

    /// One of them, to be kept for longer.
    fn one(&mut self) -> Option<SemaphorePermit<'a>> {
        self.taken.as_mut().and_then(|taken| taken.split(1))
    }

    fn free(&mut self) {
        let done = std::mem::take(&mut self.done);
        drop(self.taken.as_mut().and_then(|taken| taken.split(done)));
    }
}

impl Inner {
    /// Publishes events so that their first attempts reach the connection one after the other.
    pub(super) async fn publish_in_order(&self, events: Vec<Event>) -> Vec<Published> {
        Batch::new(self, events).run().await
    }
}

/// Events that are published together.
struct Batch<'a> {
    bus: &'a Inner,
    deadline: Instant,
    /// Freed one by one, as they are acknowledged.
    events: Vec<Option<Event>>,
    results: Vec<Option<Published>>,
    /// Encoded while the server has something to do, so that they go out without a pause between them.
    encoded: Encoded,
    under_way: UnderWay,
    /// How many were under way when the window was last filled.
    filled: usize,
    places: Places<'a>,
    answers: Option<ReplyInbox>,
    again: FuturesUnordered<BoxFuture<'a, (usize, Published)>>,
}

/// What a batch that waits comes to know.
enum News {
    Answer(u64, Message),
    /// The server refuses messages to a subject.
    Denied(Denial),
    /// The oldest of those under way will get no answer any more.
    NoAnswer(Failure),
    /// A retry is over.
    Settled(usize, Published),
    /// There is room in the window again.
    Room,
    /// There is nothing left to wait for.
    Done,
}

impl<'a> Batch<'a> {
    fn new(bus: &'a Inner, events: Vec<Event>) -> Self {
        let mut batch = Self {
            bus,
            deadline: deadline::after(bus.settings.publish.timeout),
            results: events.iter().map(|_| None).collect(),
            events: events.into_iter().map(Some).collect(),
            encoded: Encoded::new(),
            under_way: UnderWay::default(),
            filled: 0,
            places: Places::default(),
            answers: None,
            again: FuturesUnordered::new(),
        };
        batch.encode(0);
        batch
    }

    async fn run(mut self) -> Vec<Published> {
        loop {
            // Once a quarter is answered, as many as fit: one for each answer would go out as packets of one.
            if self.under_way.count <= self.filled - self.filled / 4 {
                self.fill().await;
            }
            match self.news().await {
                News::Answer(number, message) => self.answered(number, &message),
                News::Denied(denial) => self.denied(&denial),
                News::NoAnswer(failure) => {
                    if let Some(Sent { index, .. }) = self.under_way.take_oldest() {
                        let place = self.places.one();
                        self.try_again(index, failure, place);
                    }
                }
                News::Settled(index, result) => self.settle(index, result),
                News::Room => {}
                News::Done => break,
            }
        }
        if let Some(answers) = self.answers {
            self.bus.connection.release_inbox(answers);
        }
        self.results.into_iter().map(|result| result.unwrap_or(Err(EventsError::Closed))).collect()
    }

    /// Sends as many as there is room for in the window. Without any on its way, the first waits until others have left it.
    async fn fill(&mut self) {
        self.places.free();
        while !self.encoded.is_empty() {
            let place = match self.bus.window.try_acquire() {
                Ok(place) => Ok(place),
                Err(_) if self.under_way.count == 0 && self.again.is_empty() => {
                    self.bus.slot(self.deadline).await
                }
                Err(_) => break,
            };
            let Some((index, message)) = self.encoded.pop_front() else { break };
            match (message, place) {
                (Err(error), _) | (_, Err(error)) => self.settle(index, Err(error)),
                (Ok(message), Ok(place)) => match self.first_attempt(index, message).await {
                    Ok((number, sent)) => {
                        self.under_way.push(number, sent);
                        self.places.add(place);
                    }
                    Err(failure) => self.try_again(index, failure, Some(place)),
                },
            }
            if self.encoded.is_empty() {
                self.encode(index + 1);
            }
        }
        self.filled = self.under_way.count;
    }

    /// Waits. One timer is for the oldest, since no other is due before it.
    async fn news(&mut self) -> News {
        let (Some(oldest), Some(answers)) = (self.under_way.oldest(), self.answers.as_mut()) else {
            let room = !self.encoded.is_empty();
            return tokio::select! {
                biased;
                settled = self.again.next() => {
                    settled.map_or(News::Done, |(index, result)| News::Settled(index, result))
                }
                // Those that were never sent need not wait for a retry.
                Ok(_free) = self.bus.slot(self.deadline), if room => News::Room,
            };
        };
        let answer = match answers.try_next() {
            Some(answer) => answer,
            None => {
                self.places.free();
                tokio::select! {
                    biased;
                    answer = answers.next() => answer,
                    () = self.bus.connection.lost(oldest.epoch) => {
                        return News::NoAnswer(Failure::unanswered(EventsError::Disconnected));
                    }
                    () = sleep_until(oldest.until) => return News::NoAnswer(self.bus.no_answer()),
                    Some((index, result)) = self.again.next() => return News::Settled(index, result),
                }
            }
        };
        match answer {
            Reply::Answer(number, message) => News::Answer(number, message),
            Reply::Denied(denial) => News::Denied(denial),
            // The client has ended.
            _ => News::NoAnswer(Failure::unanswered(EventsError::Disconnected)),
        }
    }

    fn answered(&mut self, number: u64, message: &Message) {
        // The event of a late answer is tried again already.
        let Some(Sent { index, subject, size, .. }) = self.under_way.take(number) else { return };
        match self.bus.answer_of(message, &subject, size) {
            Ok(receipt) => {
                drop(self.take_event(index));
                self.places.done += 1;
                self.settle(index, Ok(receipt));
            }
            Err(failure) => {
                let place = self.places.one();
                self.try_again(index, failure, place);
            }
        }
    }

    /// Ends the events whose subject the server refuses: it answers them in no other way.
    fn denied(&mut self, denial: &Denial) {
        let Denial::Publish(subject) = denial else { return };
        for Sent { index, .. } in self.under_way.take_subject(subject) {
            drop(self.take_event(index));
            self.places.done += 1;
            self.settle(index, Err(EventsError::Unauthorized(denial.clone().into())));
        }
    }

    /// Tries once more what has failed for the first time, on its own.
    fn try_again(&mut self, index: usize, failure: Failure, place: Option<SemaphorePermit<'a>>) {
        let (bus, deadline) = (self.bus, self.deadline);
        let event = self.take_event(index);
        self.again.push(Box::pin(async move {
            let message = event.ok_or(EventsError::Closed).and_then(|event| bus.outbound(&event));
            let result = match message {
                Ok(message) => bus.send_again(&message, deadline, failure).await,
                Err(error) => Err(error),
            };
            drop(place);
            (index, result)
        }));
    }

    fn take_event(&mut self, index: usize) -> Option<Event> {
        self.events.get_mut(index).and_then(Option::take)
    }

    fn settle(&mut self, index: usize, result: Published) {
        if let Some(place) = self.results.get_mut(index) {
            *place = Some(result);
        }
    }

    /// Encodes the events from a position on: at most a quarter of the window, and in structured mode as many as some
    /// [`AHEAD`] bytes hold, side by side in one piece of memory.
    fn encode(&mut self, from: usize) {
        let count = (self.bus.settings.publish.window / 4).max(1);
        let events = self.events.iter().enumerate().skip(from).take(count);
        let events = events.filter_map(|(index, event)| Some((index, event.as_ref()?)));
        if self.bus.settings.publish.mode == ContentMode::Binary {
            // Its body is a part of the event.
            self.encoded = events.map(|(index, event)| (index, self.bus.outbound(event))).collect();
            return;
        }
        let (mut json, mut places) = (Vec::new(), Vec::with_capacity(count));
        for (index, event) in events {
            let start = json.len();
            event.write_json(&mut json);
            places.push((index, event, start..json.len()));
            if json.len() >= AHEAD {
                break;
            }
        }
        let json = Bytes::from(json);
        // Most events of a batch are of one type.
        let mut last: Option<(&str, Subject)> = None;
        let mut encoded = Encoded::with_capacity(places.len());
        for (index, event, place) in places {
            let subject = match &last {
                Some((ty, subject)) if *ty == event.ty() => Ok(subject.clone()),
                _ => self.bus.subject_of(event).inspect(|subject| last = Some((event.ty(), subject.clone()))),
            };
            let message = subject.and_then(|subject| Outbound::structured(subject, event, json.slice(place)));
            encoded.push_back((index, message));
        }
        self.encoded = encoded;
    }

    /// Hands a message to the connection, behind those before it.
    async fn first_attempt(&mut self, index: usize, message: Outbound) -> Result<(u64, Sent), Failure> {
        let bus = self.bus;
        let (epoch, until) = bus.ready(self.deadline).await?;
        let opened = match &self.answers {
            Some(answers) if answers.session() == bus.connection.session() => None,
            // The client was rebuilt. The numbers go on, so that those under way stay in their order.
            Some(ended) => Some(bus.connection.reply_inbox_from(ended.next_number()).await),
            None => Some(bus.connection.reply_inbox().await),
        };
        if let Some(opened) = opened {
            self.answers = Some(opened.map_err(|error| Failure::unprepared(error.into()))?);
        }
        let Some(answers) = &mut self.answers else {
            return Err(Failure::unprepared(EventsError::Disconnected));
        };
        let Outbound { subject, headers, payload } = message;
        let size = payload.len();
        let (number, reply) = answers.number();
        let sent = bus.connection.publish(subject.clone(), Some(reply), Some(headers), payload).await;
        sent.map_err(|error| match error {
            NatsError::Timeout { .. } => Failure::unprepared(bus.late()),
            NatsError::Disconnected => Failure::unprepared(EventsError::Disconnected),
            other => Failure::refused(other.into()),
        })?;
        Ok((number, Sent { index, subject, size, epoch, until }))
    }
}
