use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::Instant;
use underpin_errors::Report;

use super::{bus::MemoryBus, log::Appended, shared::BusInner, state::BusState};
use crate::pattern::check_type;
use crate::{Event, EventPublisher, EventsError, PublishReceipt, spans};

/// How many events of a batch are stored under one lock: subscriptions begin in between.
const EVENTS_PER_LOCK: usize = 256;

impl BusInner {
    fn append(&self, state: &mut BusState, now: Instant, event: Event) -> Result<Appended, EventsError> {
        check_type(event.ty())?;
        check_size(&event, self.settings.max_event_size)?;
        if state.closed {
            return Err(EventsError::Closed);
        }
        state.append(&self.settings, now, Arc::new(event), None, |state| self.catch_up(state))
    }
}

/// The bytes of the headers beside the message id: `NATS/1.0`, `Nats-Msg-Id`, and the `Content-Type` of structured mode.
const HEADERS: usize = 71;

/// Rejects what JetStream would reject with the same limit: the JSON of the event and its headers count.
fn check_size(event: &Event, limit: usize) -> Result<(), EventsError> {
    // JetStream gets the message id in ASCII.
    let message_id = 3 * (event.source().len() + event.id().len()) + 24;
    // Nearly all events are far smaller: then the JSON need not be written.
    if event.json_len_bound().saturating_add(message_id + HEADERS) <= limit {
        return Ok(());
    }
    let message_id = event.message_id();
    let encoded = |byte: u8| if byte.is_ascii() && byte != b'%' { 1 } else { 3 };
    let id_len = if message_id.is_ascii() {
        message_id.len()
    } else {
        2 + message_id.bytes().map(encoded).sum::<usize>()
    };
    let size = event.to_json().len() + id_len + HEADERS;
    if size <= limit { Ok(()) } else { Err(EventsError::TooLarge { size, limit: Some(limit) }) }
}

#[async_trait]
impl EventPublisher for MemoryBus {
    async fn publish(&self, event: Event) -> Result<PublishReceipt, EventsError> {
        let mut span = spans::publish(std::slice::from_ref(&event));
        let (appended, woken) = {
            let mut state = self.inner().lock();
            let appended = span.watch(self.inner().append(&mut state, Instant::now(), event))?;
            (appended, state.take_woken())
        };
        woken.iter().for_each(|subscription| subscription.notify_one());
        span.watch(self.inner().sync(false).await)?;
        Ok(appended.receipt)
    }

    async fn publish_batch(&self, events: Vec<Event>) -> Vec<Result<PublishReceipt, EventsError>> {
        let mut span = spans::publish(&events);
        let mut results = Vec::with_capacity(events.len());
        let mut events = events.into_iter();
        while events.len() > 0 {
            let mut evicted = Vec::new();
            let woken = {
                let (mut state, now) = (self.inner().lock(), Instant::now());
                let some = events.by_ref().take(EVENTS_PER_LOCK);
                results.extend(some.map(|event| {
                    let appended = self.inner().append(&mut state, now, event)?;
                    evicted.extend(appended.evicted);
                    Ok(appended.receipt)
                }));
                state.take_woken()
            };
            woken.iter().for_each(|subscription| subscription.notify_one());
        }
        if let Err(failure) = self.inner().sync(false).await {
            let reason = Report(&failure).to_string();
            for result in results.iter_mut().filter(|result| result.is_ok()) {
                let source = reason.clone().into();
                *result = Err(EventsError::Unconfirmed { within: Duration::ZERO, source });
            }
        }
        span.watch_all(&results);
        results
    }

    /// Waits until the journal, if there is one, is on the disk.
    async fn flush(&self, within: Duration) -> Result<(), EventsError> {
        let late = |_| EventsError::Timeout { operation: "flush", within };
        tokio::time::timeout(within, self.inner().sync(true)).await.map_err(late)?
    }
}
