use std::sync::Arc;
use std::time::Duration;

use tokio::task::coop::consume_budget;
use tokio::time::sleep;
use underpin_errors::Report;
use underpin_logger::{Context, debug, warn};

use super::call::{HandlerFailure, HandlerResult};
use super::inbound::Inbound;
use super::job::Job;
use super::permits::InFlightPermit;
use super::processor::Processor;
use super::worker_queue::{Parkable, WorkerQueue};
use crate::{Event, Order, Outcome};

/// How many deliveries beyond `max_attempts` an event gets before it is dead-lettered without a call; at most as many again.
///
/// A handler that fails is counted by its outcome. An event that was delivered more often never had an outcome: it ends the
/// process that handles it. The allowance is for deliveries that a draining process released.
const CRASH_ALLOWANCE: u32 = 5;

/// The longest reason of a dead letter, in characters.
const MAX_REASON: usize = 1024;

/// The longest wait between two attempts, whatever a handler asks for: brokers count it in nanoseconds of 64 bits.
const MAX_DELAY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Processes jobs until the dispatcher is dropped and the queue is empty. After a stop it releases them instead.
pub(super) async fn run<M: Inbound>(processor: Arc<Processor>, queue: Arc<WorkerQueue<Job<M>>>) {
    while let Some(Job { message, event, permit, .. }) = queue.pop().await {
        // A handler that never waits would otherwise keep this thread for as long as there are events.
        consume_budget().await;
        if processor.control.stop.is_cancelled() {
            message.release().await;
        } else {
            let event = event.unwrap_or_else(|| message.decode());
            match event {
                Ok(event) => processor.handle(message, event, permit, &queue).await,
                Err(error) => {
                    let reason = format!("undecodable: {}", Report(&error));
                    processor.dead_letter(message, &Context::background(), reason, 1, permit, &queue).await;
                }
            }
        }
    }
}

/// Keeps a handler that postpones without a wait from spinning.
const MIN_POSTPONEMENT: Duration = Duration::from_millis(10);

/// When the handler is called again, and why.
struct NextAttempt {
    delay: Duration,
    /// Whether the call before counts as an attempt.
    counts: bool,
    reason: String,
}

impl Processor {
    async fn handle<M: Inbound>(
        &self,
        message: M,
        event: Arc<Event>,
        mut permit: InFlightPermit,
        queue: &Arc<WorkerQueue<Job<M>>>,
    ) {
        let mut attempt = message.attempt();
        if attempt > 1 {
            self.count(|metrics| &metrics.redelivered);
        }
        let max_attempts = self.options.max_attempts;
        let reason = loop {
            if attempt > max_attempts.saturating_add(max_attempts.min(CRASH_ALLOWANCE)) {
                break format!(
                    "delivered {attempt} times without an answer: its handler ends the process or hangs"
                );
            }
            let next = match self.call(&event, attempt, message.sequence()).await {
                HandlerResult::Cancelled => {
                    self.control.note_cancelled();
                    return message.release().await;
                }
                HandlerResult::Answered(Outcome::Ack) => {
                    self.count(|metrics| &metrics.acked);
                    return message.ack(permit).await;
                }
                HandlerResult::Answered(Outcome::DeadLetter { reason }) => break reason,
                HandlerResult::Answered(Outcome::Retry { reason, .. }) if attempt >= max_attempts => {
                    break reason;
                }
                HandlerResult::Answered(Outcome::Retry { after, reason }) => {
                    self.count(|metrics| &metrics.retried);
                    let delay = after.unwrap_or_else(|| self.options.backoff.delay(attempt));
                    NextAttempt { delay, counts: true, reason }
                }
                HandlerResult::Answered(Outcome::Postpone { after, reason }) => {
                    self.count(|metrics| &metrics.postponed);
                    NextAttempt { delay: after.max(MIN_POSTPONEMENT), counts: false, reason }
                }
            };
            let delay = next.delay.min(MAX_DELAY);
            debug!(
                self.log,
                &event.context(),
                "event will be retried",
                subscription = self.options.name,
                event_id = event.id(),
                attempt,
                delay,
                reason = next.reason
            );
            match self.options.order {
                Order::None if next.counts => return message.retry(delay).await,
                Order::None => {
                    return self.postpone(
                        Job { message, event: Some(Ok(event)), permit, refused: None },
                        delay,
                        queue,
                    );
                }
                // A nak would let later events pass: ordered events wait in their queue.
                Order::PerKey | Order::Strict => {
                    let _waits = self.limits.attempt_waits();
                    // With strict order the next event must not be fetched.
                    let _parked = (self.options.order == Order::PerKey)
                        .then(|| (queue.park(), self.limits.park(&mut permit, message.size())));
                    tokio::select! {
                        () = sleep(delay) => attempt = attempt.saturating_add(u32::from(next.counts)),
                        () = self.control.stop.cancelled() => return message.release().await,
                    }
                }
            }
        };
        self.dead_letter(message, &event.context(), reason, attempt, permit, queue).await;
    }

    /// Queues a job again after the delay. Backends count each delivery, so the message is not given back; no worker waits
    /// for it.
    fn postpone<M: Inbound>(&self, mut job: Job<M>, delay: Duration, queue: &Arc<WorkerQueue<Job<M>>>) {
        let (stop, queue) = (self.control.stop.clone(), Arc::clone(queue));
        job.park(&self.limits);
        let waits = self.limits.attempt_waits();
        self.background.spawn(async move {
            let _waits = waits;
            let refused = match stop.run_until_cancelled(sleep(delay)).await {
                Some(()) => queue.push(job),
                None => Some(job),
            };
            if let Some(job) = refused {
                job.message.release().await;
            }
        });
    }

    async fn dead_letter<M: Inbound>(
        &self,
        message: M,
        context: &Context,
        reason: String,
        attempts: u32,
        permit: InFlightPermit,
        queue: &WorkerQueue<Job<M>>,
    ) {
        self.count(|metrics| &metrics.dead_lettered);
        let reason: String = reason.chars().take(MAX_REASON).collect();
        let failure = HandlerFailure(reason.clone());
        warn!(
            self.log,
            context,
            &failure,
            "dead-lettered an event",
            subscription = self.options.name,
            sequence = message.sequence(),
            attempts
        );
        let (dead_lettering, control) = (message.dead_letter(reason, attempts, permit), self.control.clone());
        let dead_lettering = async move {
            tokio::select! {
                biased;
                () = dead_lettering => {}
                () = control.kill.cancelled() => control.note_cancelled(),
            }
        };
        if M::DEAD_LETTERS_SYNCHRONOUSLY || self.options.order != Order::None {
            // In its order: an event whose dead letter cannot be stored now is delivered again, before all later ones.
            let _parked = (self.options.order == Order::PerKey).then(|| queue.park());
            return dead_lettering.await;
        }
        // The worker does not wait for the stream. The message keeps its permit, which limits their number.
        self.background.spawn(dead_lettering);
    }
}
