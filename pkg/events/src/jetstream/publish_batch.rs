//! Many events in one window: sent in their order, their answers awaited in it.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;

use async_nats::{Message, RequestError, Subject};
use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::SemaphorePermit;
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep_until};

use super::publisher::Failure;
use super::wire::Outbound;
use super::{ContentMode, Inner};
use crate::{Event, EventsError, PublishReceipt, deadline};

type Published = Result<PublishReceipt, EventsError>;
/// Messages with the positions of their events.
type Encoded = VecDeque<(usize, Result<Outbound, EventsError>)>;

/// How many bytes are encoded ahead, or one event more.
const AHEAD: usize = 64 * 1024;

/// An event whose first attempt is on its way.
struct Sent<'a> {
    index: usize,
    answer: Pin<Box<dyn Future<Output = Result<Message, RequestError>> + Send + 'a>>,
    subject: Subject,
    size: usize,
    /// The connection it went over, and until when its answer is awaited.
    epoch: u64,
    until: Instant,
    slot: SemaphorePermit<'a>,
}

impl Inner {
    /// Publishes events so that their first attempts reach the connection one after the other. Answers come in the same
    /// order, save for retries: one timer waits for the oldest, and the others are there when their turn comes.
    pub(super) async fn publish_in_order(&self, events: Vec<Event>) -> Vec<Published> {
        let deadline = deadline::after(self.settings.publish.timeout);
        let mut results: Vec<Option<Published>> = events.iter().map(|_| None).collect();
        let (mut under_way, mut again) = (VecDeque::new(), FuturesUnordered::new());
        let mut settled = |(index, result): (usize, Published)| {
            if let Some(place) = results.get_mut(index) {
                *place = Some(result);
            }
        };
        // Freed one by one, as they are acknowledged.
        let mut events: Vec<Option<Event>> = events.into_iter().map(Some).collect();
        // Encoded while the server has something to do, so that they go out without a pause between them.
        let ahead = (self.settings.publish.window / 4).max(1);
        let mut encoded = self.encode(&events, 0, ahead);
        // How many were under way when the window was last filled.
        let mut filled = 0;
        loop {
            // Once a quarter is answered, as many as fit: one for each answer would go out as packets of one. Without any on its
            // way, the first waits until others have left the window.
            if under_way.len() <= filled - filled / 4 {
                while !encoded.is_empty() {
                    let slot = match self.window.try_acquire() {
                        Ok(slot) => Ok(slot),
                        Err(_) if under_way.is_empty() && again.is_empty() => self.slot(deadline).await,
                        Err(_) => break,
                    };
                    let Some((index, message)) = encoded.pop_front() else { break };
                    match self.first_attempt(index, message, slot, deadline).await {
                        Ok(sent) => under_way.push_back(sent),
                        Err(error) => settled((index, Err(error))),
                    }
                    if encoded.is_empty() {
                        encoded = self.encode(&events, index + 1, ahead);
                    }
                }
                filled = under_way.len();
            }
            let Some(oldest) = under_way.front_mut() else {
                match again.next().await {
                    Some(result) => settled(result),
                    None => break,
                }
                continue;
            };
            let answer = match oldest.answer.as_mut().now_or_never() {
                Some(answer) => self.answer(answer, &oldest.subject, oldest.size),
                None => tokio::select! {
                    biased;
                    answer = &mut oldest.answer => self.answer(answer, &oldest.subject, oldest.size),
                    () = self.connection.lost(oldest.epoch) => Err(Failure::unanswered(EventsError::Disconnected)),
                    () = sleep_until(oldest.until) => Err(self.no_answer()),
                    Some(result) = again.next() => {
                        settled(result);
                        continue;
                    }
                },
            };
            let Some(Sent { index, slot, .. }) = under_way.pop_front() else { break };
            let event = events.get_mut(index).and_then(Option::take);
            match answer {
                Ok(receipt) => settled((index, Ok(receipt))),
                Err(failure) => again.push(self.later(index, event, failure, deadline, slot)),
            }
        }
        results.into_iter().map(|result| result.unwrap_or(Err(EventsError::Closed))).collect()
    }

    /// The events from a position on as messages: at most `count`, and in structured mode as many as some [`AHEAD`] bytes
    /// hold, side by side in one piece of memory.
    fn encode(&self, events: &[Option<Event>], from: usize, count: usize) -> Encoded {
        let events = events.iter().enumerate().skip(from).take(count);
        let events = events.filter_map(|(index, event)| Some((index, event.as_ref()?)));
        if self.settings.publish.mode == ContentMode::Binary {
            // Its body is a part of the event.
            return events.map(|(index, event)| (index, self.outbound(event))).collect();
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
        let message = |(index, event, place)| (index, self.outbound_json(event, json.slice(place)));
        places.into_iter().map(message).collect()
    }

    async fn first_attempt<'a>(
        &'a self,
        index: usize,
        message: Result<Outbound, EventsError>,
        slot: Result<SemaphorePermit<'a>, EventsError>,
        deadline: Instant,
    ) -> Result<Sent<'a>, EventsError> {
        let (message, slot) = (message?, slot?);
        let epoch = self.connection.connected(deadline).await?;
        let until = deadline.min(deadline::after(self.settings.publish.ack_timeout));
        let (asked, subject, size) = self.ask(message);
        // The first poll hands the message to the connection, or queues for that behind those before it. It must not be put
        // off by the scheduler's budget, or the next one overtakes it.
        let mut answer = Box::pin(unconstrained(asked)) as Pin<Box<dyn Future<Output = _> + Send + 'a>>;
        let answer = match futures_util::poll!(answer.as_mut()) {
            std::task::Poll::Ready(answer) => Box::pin(std::future::ready(answer)),
            std::task::Poll::Pending => answer,
        };
        Ok(Sent { index, answer, subject, size, epoch, until, slot })
    }

    async fn later(
        &self,
        index: usize,
        event: Option<Event>,
        failure: Failure,
        deadline: Instant,
        slot: SemaphorePermit<'_>,
    ) -> (usize, Published) {
        let message = event.ok_or(EventsError::Closed).and_then(|event| self.outbound(&event));
        let result = match message {
            Ok(message) => self.send_again(&message, deadline, failure).await,
            Err(error) => Err(error),
        };
        drop(slot);
        (index, result)
    }
}
