use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep};
use underpin_errors::Report;
use underpin_logger::{Context, debug, error, warn};

use super::intake::Job;
use super::lane::Lane;
use super::{Inbound, Shared, Slot};
use crate::{Delivery, Event, Order, Outcome};

/// How often beyond the allowed attempts an event may be delivered before it is put aside unseen; at most as often again.
///
/// Handlers that fail are counted by their answers. An event beyond its attempts was never answered: it kills the process
/// that handles it. The slack is for deliveries that were given back unseen when a process drained.
const SLACK: u32 = 5;

/// The longest wait between two attempts, whatever a handler asks for: brokers count it in nanoseconds of 64 bits.
const LONGEST_DELAY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Takes jobs until the intake is gone. After a stop, what waits is given back unseen.
pub(super) async fn run<M: Inbound>(shared: Arc<Shared>, lane: Arc<Lane<Job<M>>>) {
    while let Some(Job { message, event, slot }) = lane.take().await {
        // A handler that never waits would otherwise keep this thread for as long as there are events.
        consume_budget().await;
        if shared.control.stop.is_cancelled() {
            message.release().await;
        } else {
            let event = event.unwrap_or_else(|| message.decode());
            match event {
                Ok(event) => shared.handle(message, event, slot, &lane).await,
                Err(error) => {
                    let reason = format!("undecodable: {}", Report(&error));
                    shared.give_up(message, &Context::background(), reason, 1, slot).await;
                }
            }
        }
    }
}

/// A handler that postpones without a wait would do nothing else.
const SHORTEST_POSTPONEMENT: Duration = Duration::from_millis(10);

enum Verdict {
    Settled(Outcome),
    Cancelled,
}

/// A call that is made once more.
struct Again {
    delay: Duration,
    /// Whether the call before counts as an attempt.
    counts: bool,
    reason: String,
}

impl Shared {
    async fn handle<M: Inbound>(&self, message: M, event: Arc<Event>, slot: Slot, lane: &Arc<Lane<Job<M>>>) {
        let mut attempt = message.attempt();
        if attempt > 1 {
            self.meters.redelivered.increment(1);
        }
        if attempt > self.options.max_attempts.saturating_add(self.options.max_attempts.min(SLACK)) {
            let reason =
                format!("delivered {attempt} times without an answer: its handler ends the process or hangs");
            return self.give_up(message, &event.context(), reason, attempt, slot).await;
        }
        loop {
            let again = match self.call(&event, attempt, message.sequence()).await {
                Verdict::Cancelled => {
                    self.control.note_cancelled();
                    return message.release().await;
                }
                Verdict::Settled(Outcome::Ack) => {
                    self.meters.acked.increment(1);
                    return message.ack(slot).await;
                }
                Verdict::Settled(Outcome::DeadLetter { reason }) => {
                    return self.give_up(message, &event.context(), reason, attempt, slot).await;
                }
                Verdict::Settled(Outcome::Retry { reason, .. }) if attempt >= self.options.max_attempts => {
                    return self.give_up(message, &event.context(), reason, attempt, slot).await;
                }
                Verdict::Settled(Outcome::Retry { after, reason }) => {
                    self.meters.retried.increment(1);
                    let delay = after.unwrap_or_else(|| self.options.backoff.delay(attempt));
                    Again { delay, counts: true, reason }
                }
                Verdict::Settled(Outcome::Postpone { after, reason }) => {
                    self.meters.postponed.increment(1);
                    Again { delay: after.max(SHORTEST_POSTPONEMENT), counts: false, reason }
                }
            };
            let delay = again.delay.min(LONGEST_DELAY);
            debug!(
                self.log,
                &event.context(),
                "event will be retried",
                subscription = self.options.name,
                event_id = event.id(),
                attempt,
                delay,
                reason = again.reason
            );
            match self.options.order {
                Order::None if again.counts => return message.retry(delay).await,
                Order::None => {
                    return self.postpone(Job { message, event: Some(Ok(event)), slot }, delay, lane);
                }
                // Giving an event back would let those behind it pass: ordered events wait in their lane.
                Order::PerKey | Order::Strict => tokio::select! {
                    () = sleep(delay) => attempt = attempt.saturating_add(u32::from(again.counts)),
                    () = self.control.stop.cancelled() => return message.release().await,
                },
            }
        }
    }

    /// Puts a job into its lane again after a while. Backends count what they deliver, so the message is not given back; it
    /// keeps its slot, so there are only so many, and no worker waits for it.
    fn postpone<M: Inbound>(&self, job: Job<M>, delay: Duration, lane: &Arc<Lane<Job<M>>>) {
        let (stop, lane) = (self.control.stop.clone(), Arc::clone(lane));
        self.settling.spawn(async move {
            let refused = match stop.run_until_cancelled(sleep(delay)).await {
                Some(()) => lane.push(job),
                None => Some(job),
            };
            if let Some(job) = refused {
                job.message.release().await;
            }
        });
    }

    async fn call(&self, event: &Arc<Event>, attempt: u32, sequence: u64) -> Verdict {
        let delivery = Delivery::new(Arc::clone(event))
            .with_attempt(attempt, self.options.max_attempts)
            .with_sequence(sequence);
        let context = delivery.context();
        let started = Instant::now();
        // Lazily, so that a handler that panics before its future exists is caught as well.
        let mut work = pin!(
            AssertUnwindSafe(context.scope(async { self.handler.handle(delivery).await })).catch_unwind()
        );
        // Most handlers of small things finish at once: no timer for them.
        let done = match futures_util::poll!(work.as_mut()) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => tokio::select! {
                biased;
                done = &mut work => Some(done),
                () = self.control.kill.cancelled() => return Verdict::Cancelled,
                () = sleep(self.options.handler_timeout) => None,
            },
        };
        self.meters.took(started.elapsed());
        Verdict::Settled(match done {
            Some(Ok(outcome)) => outcome,
            Some(Err(panic)) => {
                self.meters.panicked.increment(1);
                let reason = format!("handler panicked: {}", panic_text(panic.as_ref()));
                let failure = HandlerFailure(reason.clone());
                error!(
                    self.log,
                    &context,
                    &failure,
                    "event handler panicked",
                    subscription = self.options.name,
                    event_id = event.id()
                );
                Outcome::retry(reason)
            }
            None => {
                self.meters.timed_out.increment(1);
                Outcome::retry(format!("handler exceeded {} ms", self.options.handler_timeout.as_millis()))
            }
        })
    }

    async fn give_up<M: Inbound>(
        &self,
        message: M,
        context: &Context,
        reason: String,
        attempts: u32,
        slot: Slot,
    ) {
        self.meters.dead_lettered.increment(1);
        let failure = HandlerFailure(reason.clone());
        warn!(
            self.log,
            context,
            &failure,
            "event put aside as a dead letter",
            subscription = self.options.name,
            sequence = message.sequence(),
            attempts
        );
        let (settlement, control) = (message.dead_letter(reason, attempts, slot), self.control.clone());
        let settlement = async move {
            tokio::select! {
                biased;
                () = settlement => {}
                () = control.kill.cancelled() => control.note_cancelled(),
            }
        };
        if M::PUTS_ASIDE_AT_ONCE || self.options.order != Order::None {
            // In its order: what cannot be put aside now comes again, and nothing may have passed it then.
            return settlement.await;
        }
        // The worker has other things to do than to wait for a stream. The message keeps its slot, so there are only so many.
        self.settling.spawn(settlement);
    }
}

/// Why a handler did not do its work, as an error for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct HandlerFailure(String);

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
