use std::{any::Any, panic::AssertUnwindSafe, pin::pin, sync::Arc, task::Poll};

use futures_util::FutureExt;
use tokio::time::{Instant, sleep};
use underpin_logger::error;

use super::processor::Processor;
use crate::{Delivery, Event, Outcome};

/// How a call of the handler ended.
pub(super) enum HandlerResult {
    Answered(Outcome),
    Cancelled,
}

impl Processor {
    /// Calls the handler under its time limit. A panic and a timeout count as a retry.
    pub(super) async fn call(&self, event: &Arc<Event>, attempt: u32, sequence: u64) -> HandlerResult {
        let mut span = event.process_span(attempt);
        let context = span.ctx().clone();
        span.set("messaging.consumer.group.name", self.options.name.as_str());
        let delivery = Delivery::new(Arc::clone(event))
            .with_attempt(attempt, self.options.max_attempts)
            .with_sequence(sequence)
            .with_context(context.clone());
        let started = Instant::now();
        // Inside an async block, so that a panic before the handler returns its future is caught as well.
        let mut work = pin!(
            AssertUnwindSafe(context.scope(async { self.handler.handle(delivery).await })).catch_unwind()
        );
        // Most handlers finish at the first poll: no timer for them.
        let done = match futures_util::poll!(work.as_mut()) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => tokio::select! {
                biased;
                done = &mut work => Some(done),
                () = self.control.kill.cancelled() => return HandlerResult::Cancelled,
                () = sleep(self.options.handler_timeout) => None,
            },
        };
        self.metrics.with(|metrics| metrics.seconds.record(started.elapsed().as_secs_f64()));
        let outcome = match done {
            Some(Ok(outcome)) => outcome,
            Some(Err(panic)) => {
                self.count(|metrics| &metrics.panicked);
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
                self.count(|metrics| &metrics.timed_out);
                Outcome::retry(format!("handler exceeded {} ms", self.options.handler_timeout.as_millis()))
            }
        };
        if let Outcome::Retry { reason, .. } | Outcome::DeadLetter { reason } = &outcome {
            span.fail_with(|| reason.as_str());
        }
        HandlerResult::Answered(outcome)
    }
}

/// Why a handler did not do its work, as an error for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct HandlerFailure(pub(super) String);

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
