use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;
use underpin_errors::Error;
use underpin_logger::{Context, Logger, debug, error, warn};

use super::in_flight::Interrupts;
use crate::store::{Claimed, Finished, Verdict};
use crate::{HistoryPolicy, JobOutcome, JobRoute, JobRun, meters};

/// Runs attempts of handlers and decides what becomes of their jobs.
pub(super) struct Runner {
    pub(super) log: Arc<dyn Logger>,
    pub(super) cancel_grace: Duration,
    pub(super) draining: CancellationToken,
}

impl Runner {
    pub(super) fn attempt(&self, claimed: Claimed, route: &JobRoute) -> JobRun {
        JobRun::new(claimed, route.options.history, self.draining.clone())
    }

    /// Runs the handler to its end; `None` when another attempt may have the job.
    pub(super) async fn run(
        &self,
        run: &JobRun,
        route: &JobRoute,
        interrupts: &Interrupts,
    ) -> (Option<JobOutcome>, Option<Finished>) {
        let began = Instant::now();
        let enqueued = run.job().generated_at();
        let mut span = run.context().process_span("run", route.kind, run.attempt().into(), enqueued);
        span.set("messaging.message.id", run.job().to_string());
        span.set("messaging.destination.name", route.options.queue.to_owned());
        let context = span.ctx().clone();
        let handler = context.scope(self.handle(run, route, &context));
        let outcome = tokio::select! {
            biased;
            () = interrupts.lost.cancelled() => {
                warn!(self.log, &context, "an attempt has lost its job, and was stopped", kind = route.kind);
                return (None, None);
            }
            () = interrupts.give_back.cancelled() => {
                let finished = Finished { run: run.id(), verdict: Verdict::GiveBack, keep: true };
                return (None, Some(finished));
            }
            outcome = handler => outcome,
        };
        let outcome = self.limit(outcome, run, route, &context);
        if let JobOutcome::Retry { reason, .. } | JobOutcome::Dead { reason } = &outcome {
            span.fail_with(|| reason.clone());
        }
        meters::finished(route.kind, outcome.label(), began.elapsed());
        let needed = if outcome == JobOutcome::Done { HistoryPolicy::All } else { HistoryPolicy::Failures };
        let keep = route.options.history >= needed;
        let finished = Finished { run: run.id(), verdict: verdict(outcome.clone(), run, route), keep };
        (Some(outcome), Some(finished))
    }

    async fn handle(&self, run: &JobRun, route: &JobRoute, context: &Context) -> JobOutcome {
        if run.attempt() > route.options.attempts {
            return JobOutcome::dead("its attempts are used up");
        }
        let handler = AssertUnwindSafe(route.handler.run(run.clone())).catch_unwind();
        let cancelled = async {
            run.cancelled().await;
            tokio::time::sleep(self.cancel_grace).await;
        };
        tokio::select! {
            result = handler => match result {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(failed)) => self.failed(&failed, route, context),
                Err(panic) => {
                    let text = panic_text(&*panic);
                    error!(self.log, context, "a job handler panicked", kind = route.kind, panic = text);
                    JobOutcome::retry("the handler panicked")
                }
            },
            () = cancelled => JobOutcome::Cancelled,
            () = tokio::time::sleep(route.options.timeout) => {
                warn!(self.log, context, "a job has reached its timeout", kind = route.kind);
                JobOutcome::retry("the attempt has reached its timeout")
            }
        }
    }

    fn failed(&self, failed: &Error, route: &JobRoute, context: &Context) -> JobOutcome {
        let reason = failed.report().to_string();
        // A conflict is the client's for HTTP, and passes.
        if failed.is_client_error() && !failed.is_retryable() {
            return JobOutcome::Dead { reason };
        }
        debug!(self.log, context, failed, "a job failed", kind = route.kind);
        JobOutcome::Retry { after: failed.retry_delay(), reason }
    }

    /// A job without attempts left is dead, one that is to be cancelled does not run again.
    fn limit(&self, outcome: JobOutcome, run: &JobRun, route: &JobRoute, context: &Context) -> JobOutcome {
        let outcome = match outcome {
            JobOutcome::Retry { .. } | JobOutcome::Snooze { .. } if run.is_cancelled() => {
                JobOutcome::Cancelled
            }
            JobOutcome::Retry { reason, .. } if run.attempt() >= route.options.attempts => {
                JobOutcome::Dead { reason }
            }
            outcome => outcome,
        };
        if let JobOutcome::Dead { reason } = &outcome {
            let (job_id, attempt, reason) = (run.job().to_string(), run.attempt(), reason.as_str());
            error!(self.log, context, "a job is dead", kind = route.kind, job_id, attempt, reason);
        }
        outcome
    }
}

fn verdict(outcome: JobOutcome, run: &JobRun, route: &JobRoute) -> Verdict {
    let pause = || route.options.delay(run.attempt());
    match outcome {
        JobOutcome::Done => Verdict::Done,
        // A proof of another attempt proves nothing.
        JobOutcome::CompletedInTransaction(completed) if completed.0 == run.id() => {
            Verdict::Completed { after: pause() }
        }
        JobOutcome::CompletedInTransaction(_) => {
            Verdict::Retry { after: pause(), reason: "the completion is of another attempt".to_owned() }
        }
        JobOutcome::Retry { after, reason } => Verdict::Retry { after: after.unwrap_or_else(pause), reason },
        JobOutcome::Snooze { after } => Verdict::Snooze { after },
        JobOutcome::Dead { reason } => Verdict::Dead { reason },
        JobOutcome::Cancelled => Verdict::Cancelled,
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text")
}
