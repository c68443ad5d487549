//! Many events in one window: sent in their order, their answers taken as they come.

use std::collections::VecDeque;

use async_nats::Subject;
use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::answers::Answers;
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
struct Sent {
    index: usize,
    subject: Subject,
    size: usize,
    /// The connection it went over, and until when its answer is awaited.
    epoch: u64,
    until: Instant,
}

/// The first attempts that are on their way, by the numbers of their answers.
#[derive(Default)]
struct UnderWay {
    /// The oldest is first; one that was answered before its turn leaves a gap.
    sent: VecDeque<Option<Sent>>,
    /// The number of the first.
    first: u64,
    count: usize,
}

impl UnderWay {
    fn push(&mut self, number: u64, sent: Sent) {
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

    fn oldest(&self) -> Option<&Sent> {
        self.sent.front().and_then(Option::as_ref)
    }

    /// What this number was given to, unless it is over already.
    fn take(&mut self, number: u64) -> Option<Sent> {
        let place = usize::try_from(number.wrapping_sub(self.first)).ok()?;
        let sent = self.sent.get_mut(place)?.take()?;
        self.close_gaps();
        self.count -= 1;
        Some(sent)
    }

    fn take_oldest(&mut self) -> Option<Sent> {
        self.take(self.first)
    }

    fn close_gaps(&mut self) {
        while let Some(None) = self.sent.front() {
            self.sent.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }
}

/// The places in the window that a batch has taken. Those of answered events are freed together: each time is a lock.
#[derive(Default)]
struct Places<'a> {
    taken: Option<SemaphorePermit<'a>>,
    answered: usize,
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
        let answered = std::mem::take(&mut self.answered);
        drop(self.taken.as_mut().and_then(|taken| taken.split(answered)));
    }
}

impl Inner {
    /// Publishes events so that their first attempts reach the connection one after the other. One timer waits for the
    /// oldest answer, since none is sent after a younger one.
    pub(super) async fn publish_in_order(&self, events: Vec<Event>) -> Vec<Published> {
        let deadline = deadline::after(self.settings.publish.timeout);
        let mut results: Vec<Option<Published>> = events.iter().map(|_| None).collect();
        let mut settled = |(index, result): (usize, Published)| {
            if let Some(place) = results.get_mut(index) {
                *place = Some(result);
            }
        };
        // Freed one by one, as they are acknowledged.
        let mut events: Vec<Option<Event>> = events.into_iter().map(Some).collect();
        let (mut under_way, mut places) = (UnderWay::default(), Places::default());
        let (mut answers, mut again) = (None, FuturesUnordered::new());
        // Encoded while the server has something to do, so that they go out without a pause between them.
        let ahead = (self.settings.publish.window / 4).max(1);
        let mut encoded = self.encode(&events, 0, ahead);
        // How many were under way when the window was last filled.
        let mut filled = 0;
        loop {
            // Once a quarter is answered, as many as fit: one for each answer would go out as packets of one. Without any on its
            // way, the first waits until others have left the window.
            if under_way.count <= filled - filled / 4 {
                places.free();
                while !encoded.is_empty() {
                    let place = match self.window.try_acquire() {
                        Ok(place) => Ok(place),
                        Err(_) if under_way.count == 0 && again.is_empty() => self.slot(deadline).await,
                        Err(_) => break,
                    };
                    let Some((index, message)) = encoded.pop_front() else { break };
                    match (message, place) {
                        (Err(error), _) | (_, Err(error)) => settled((index, Err(error))),
                        (Ok(message), Ok(place)) => {
                            match self.first_attempt(index, message, &mut answers, deadline).await {
                                Ok((number, sent)) => {
                                    under_way.push(number, sent);
                                    places.add(place);
                                }
                                Err(failure) => {
                                    let event = events.get_mut(index).and_then(Option::take);
                                    again.push(self.later(index, event, failure, deadline, Some(place)));
                                }
                            }
                        }
                    }
                    if encoded.is_empty() {
                        encoded = self.encode(&events, index + 1, ahead);
                    }
                }
                filled = under_way.count;
            }
            let (Some(oldest), Some(inbox)) = (under_way.oldest(), answers.as_mut()) else {
                match again.next().await {
                    Some(result) => settled(result),
                    None => break,
                }
                continue;
            };
            let answer = match inbox.at_hand() {
                Some(answer) => answer,
                None => {
                    places.free();
                    let failure = tokio::select! {
                        biased;
                        answer = inbox.next() => Ok(answer),
                        () = self.connection.lost(oldest.epoch) => Err(Failure::unanswered(EventsError::Disconnected)),
                        () = sleep_until(oldest.until) => Err(self.no_answer()),
                        Some(result) = again.next() => {
                            settled(result);
                            continue;
                        }
                    };
                    match failure {
                        Ok(answer) => answer,
                        Err(failure) => {
                            if let Some(Sent { index, .. }) = under_way.take_oldest() {
                                let event = events.get_mut(index).and_then(Option::take);
                                again.push(self.later(index, event, failure, deadline, places.one()));
                            }
                            continue;
                        }
                    }
                }
            };
            let (sent, answer) = match answer {
                Some((number, message)) => match under_way.take(number) {
                    Some(sent) => {
                        let answer = self.answer_of(&message, &sent.subject, sent.size);
                        (sent, answer)
                    }
                    // Its event is tried again already.
                    None => continue,
                },
                // The client has ended.
                None => match under_way.take_oldest() {
                    Some(sent) => (sent, Err(Failure::unanswered(EventsError::Closed))),
                    None => continue,
                },
            };
            let event = events.get_mut(sent.index).and_then(Option::take);
            match answer {
                Ok(receipt) => {
                    settled((sent.index, Ok(receipt)));
                    places.answered += 1;
                }
                Err(failure) => again.push(self.later(sent.index, event, failure, deadline, places.one())),
            }
        }
        if let Some(answers) = answers {
            self.inboxes.put(answers);
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
        // Most events of a batch are of one type.
        let mut last: Option<(&str, Subject)> = None;
        let mut encoded = Encoded::with_capacity(places.len());
        for (index, event, place) in places {
            let subject = match &last {
                Some((ty, subject)) if *ty == event.ty() => Ok(subject.clone()),
                _ => self.subject_of(event).inspect(|subject| last = Some((event.ty(), subject.clone()))),
            };
            let message = subject.and_then(|subject| Outbound::structured(subject, event, json.slice(place)));
            encoded.push_back((index, message));
        }
        encoded
    }

    /// Hands a message to the connection, behind those before it.
    async fn first_attempt(
        &self,
        index: usize,
        message: Outbound,
        answers: &mut Option<Answers>,
        deadline: Instant,
    ) -> Result<(u64, Sent), Failure> {
        let epoch = self.connection.connected(deadline).await.map_err(Failure::unsent)?;
        let answers = match answers {
            Some(answers) => answers,
            none @ None => none.insert(self.answers().await.map_err(Failure::unsent)?),
        };
        let until = deadline.min(deadline::after(self.settings.publish.ack_timeout));
        let Outbound { subject, headers, payload } = message;
        let size = payload.len();
        let (number, reply) = answers.number();
        let client = self.connection.client();
        let mut publish =
            std::pin::pin!(client.publish_with_reply_and_headers(subject.clone(), reply, headers, payload));
        let sent = match publish.as_mut().now_or_never() {
            Some(sent) => sent,
            // The queue of the connection is full.
            None => timeout_at(until, publish).await.map_err(|_| self.no_answer())?,
        };
        sent.map_err(|error| Failure::refused(super::error::unsent(error, size)))?;
        Ok((number, Sent { index, subject, size, epoch, until }))
    }

    async fn later(
        &self,
        index: usize,
        event: Option<Event>,
        failure: Failure,
        deadline: Instant,
        place: Option<SemaphorePermit<'_>>,
    ) -> (usize, Published) {
        let message = event.ok_or(EventsError::Closed).and_then(|event| self.outbound(&event));
        let result = match message {
            Ok(message) => self.send_again(&message, deadline, failure).await,
            Err(error) => Err(error),
        };
        drop(place);
        (index, result)
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
