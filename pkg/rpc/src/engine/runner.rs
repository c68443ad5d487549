use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::FutureExt;
use tokio::time::{Instant, timeout_at};
use underpin_errors::{Error, Kind};
use underpin_logger::{Context, Logger, Span, error, warn};

use super::counters::EndpointCounters;
use super::inline::{InlinePolicy, in_task};
use super::limiter::{Admission, ConcurrencyLimiter};
use super::stop::StopSignal;
use super::wire_reply::checked;
use crate::call::Call;
use crate::deadline;
use crate::meters::EndpointMeters;
use crate::micro::EndpointStats;
use crate::panic::text_of;
use crate::request::Reply;
use crate::service::EndpointSpec;
use crate::spans;

/// Runs the calls of one endpoint.
pub(super) struct EndpointRunner {
    pub(super) spec: EndpointSpec,
    pub(super) meters: EndpointMeters,
    pub(super) counters: EndpointCounters,
    pub(super) inline: InlinePolicy,
    limiter: ConcurrencyLimiter,
    log: Arc<dyn Logger>,
}

/// A call that was handled or refused, and whether it was cut.
pub(super) struct CallOutcome {
    pub(super) result: Result<Reply, Error>,
    pub(super) cut: bool,
}

impl EndpointRunner {
    pub(super) fn new(service: &str, spec: EndpointSpec, log: Arc<dyn Logger>) -> Self {
        let limiter = ConcurrencyLimiter::new(spec.limit, spec.queue);
        let meters = EndpointMeters::new(service, &spec.name);
        let (counters, inline) = (EndpointCounters::default(), InlinePolicy::default());
        Self { spec, meters, counters, inline, limiter, log }
    }

    /// The span of a call, below that of its caller.
    pub(super) fn span(&self, service: &str, caller: Context) -> Span {
        spans::server(caller, service, &self.spec.name)
    }

    /// A place for a call that arrives; none when the endpoint is overloaded.
    pub(super) fn admit(&self) -> Option<Admission> {
        self.counters.arrived();
        self.limiter.admit()
    }

    /// The answer of an overloaded endpoint.
    pub(super) fn refuse(&self, call: &Call) -> Error {
        self.counters.refused();
        let error = Error::too_many_requests("the service is overloaded, try again later").code("OVERLOADED");
        self.failed(call, &error);
        error
    }

    /// Runs a call once there is a permit: by its deadline, and not after the instance was cut. `arrived` is the time, if the call has
    /// just arrived.
    pub(super) async fn run(
        &self,
        call: &Call,
        admission: Admission,
        arrived: Option<Instant>,
        stop: &StopSignal,
        limit: usize,
    ) -> CallOutcome {
        // Whatever ends this future, work that outlives it learns of it.
        let _given_up = call.give_up_on_drop();
        let handled = self.handle(call, admission, arrived, stop, limit).await;
        let (result, cut) = handled.map_or_else(|| (Err(shut_down()), true), |result| (result, false));
        if let Err(error) = &result {
            self.failed(call, error);
        }
        CallOutcome { result, cut }
    }

    /// The result of the handler; none when the instance was cut.
    async fn handle(
        &self,
        call: &Call,
        admission: Admission,
        arrived: Option<Instant>,
        stop: &StopSignal,
        limit: usize,
    ) -> Option<Result<Reply, Error>> {
        let (until, mut now) = (call.deadline(), arrived.unwrap_or_else(Instant::now));
        // The deadline is checked before the permit: a call that came too late is not run.
        let permit = match admission {
            _ if until <= now => None,
            Admission::Permitted(permit) => Some(permit),
            queued @ Admission::Queued(..) => {
                // Boxed, as what follows: every call would carry the size of its timers, and most need none.
                let waited = Box::pin(unless_cut(stop, timeout_at(until, queued.permit()))).await?;
                now = Instant::now();
                waited.ok().flatten()
            }
        };
        let Some(_permit) = permit else {
            self.counters.expired();
            let text = "the deadline passed before the call could run";
            return Some(Err(Error::timeout(text).code("EXPIRED")));
        };
        let mut timer = ProcessingTimer::start(self, now);
        let work = deadline::scope(until, call.context().scope(self.spec.handler.handle(call.clone())));
        let mut work = pin!(AssertUnwindSafe(work).catch_unwind());
        // A handler that waits for nothing needs neither timer nor stop signal.
        let first = poll_fn(|task| Poll::Ready(work.as_mut().poll(task))).await;
        let yielded = Instant::now();
        self.inline.note(yielded.duration_since(now));
        let done = match first {
            Poll::Ready(done) => {
                timer.ended = Some(yielded);
                Ok(done)
            }
            Poll::Pending => {
                // What follows would not be measured, and must not delay whoever received the call.
                in_task().await;
                Box::pin(unless_cut(stop, timeout_at(until, work))).await?
            }
        };
        let result = match done {
            Ok(Ok(result)) => result.and_then(|reply| checked(reply, limit)),
            Ok(Err(panic)) => Err(Error::internal(text_of(&*panic)).context("the handler panicked")),
            Err(_) => Err(Error::timeout("the handler did not finish by the deadline of the call")),
        };
        timer.is_ok = result.is_ok();
        Some(result)
    }

    /// Counts an error and logs it where only this process knows its text.
    fn failed(&self, call: &Call, failure: &Error) {
        self.counters.failed(failure);
        self.meters.answered(failure.kind().code()).increment(1);
        if failure.is_client_error() {
            return;
        }
        let (log, ctx, endpoint) = (&self.log, call.context(), self.spec.subject());
        let code = failure.error_code();
        match failure.kind() {
            Kind::Internal | Kind::Unknown | Kind::DataLoss => {
                error!(log, ctx, failure, "rpc call failed", endpoint, code);
            }
            _ => warn!(log, ctx, failure, "rpc call failed", endpoint, code),
        }
    }

    pub(super) fn document(&self) -> EndpointStats {
        self.counters.document(&self.spec, self.limiter.waiting())
    }
}

/// The time of a handler, also of one that is dropped.
struct ProcessingTimer<'a> {
    runner: &'a EndpointRunner,
    began: Instant,
    /// When it ended, if that is known before this is dropped.
    ended: Option<Instant>,
    is_ok: bool,
}

impl<'a> ProcessingTimer<'a> {
    fn start(runner: &'a EndpointRunner, began: Instant) -> Self {
        runner.counters.began();
        runner.meters.with(began, |handles| handles.in_flight.increment(1.0));
        Self { runner, began, ended: None, is_ok: false }
    }
}

impl Drop for ProcessingTimer<'_> {
    fn drop(&mut self) {
        let ended = self.ended.unwrap_or_else(Instant::now);
        let took = ended.duration_since(self.began);
        self.runner.counters.ended(took);
        self.runner.meters.with(ended, |handles| {
            handles.seconds.record(took);
            handles.in_flight.decrement(1.0);
            if self.is_ok {
                handles.ok.increment(1);
            }
        });
    }
}

/// What a future returns; none when the instance was cut before.
async fn unless_cut<T>(stop: &StopSignal, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = stop.cutting() => None,
    }
}

fn shut_down() -> Error {
    Error::unavailable("the instance shut down before the call ended").code("SHUT_DOWN")
}
