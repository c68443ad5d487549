use std::time::Instant;

use tokio::task::JoinSet;
use underpin_errors::Error;
use underpin_logger::{Context, error, info};

use super::ended::Ended;
use super::reason::Reason;
use super::{starting, stopping};
use crate::signals::Signals;
use crate::stop::StopRequest;
use crate::{Deadline, LifecycleSettings, ServiceState, Signal, Start};

/// Builds, runs and stops the service.
///
/// `body` runs once traffic is served; the service goes on after it if it returns `true`.
pub(crate) async fn drive<S>(
    start: &mut Start<S>,
    settings: &LifecycleSettings,
    build: impl AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
    signals: &mut dyn Signals,
    body: impl AsyncFnOnce(&Start<S>) -> bool,
) -> Ended {
    let began = Instant::now();
    let (log, ctx) = (start.log(), Context::background());
    let metadata = start.metadata();
    info!(log, &ctx, "service starting", name = &*metadata.name, version = &*metadata.version, instance = %metadata.instance);

    let stop = StopRequest::new();
    let mut tasks = JoinSet::new();
    let mut started = 0;
    let reason = {
        let running = starting::run(start, settings, build, body, &stop, &mut tasks, &mut started);
        tokio::select! {
            // A signal that is there already comes first.
            biased;
            signal = signals.next() => Reason::Signal(signal),
            reason = running => reason,
        }
    };
    // Traffic that was not started is not stopped.
    start.traffic.truncate(started);

    let deadline = Deadline::after(settings.stop_within);
    let text = match &reason {
        Reason::Signal(signal) => signal.name(),
        Reason::Failed(_) => "failure",
        Reason::Done => "done",
    };
    match &reason {
        Reason::Failed(failure) => error!(log, &ctx, failure, "service stopping", reason = text),
        _ => info!(log, &ctx, "service stopping", reason = text, after = began.elapsed()),
    }
    let skips_grace = !matches!(reason, Reason::Signal(Signal::Terminate));
    let cut = tokio::select! {
        biased;
        signal = signals.next() => {
            info!(log, &ctx, "service ends at once", signal = signal.name());
            return Ended::AtOnce(signal);
        }
        cut = stopping::run(start, settings, deadline, skips_grace, &stop, tasks) => cut,
    };
    start.gate.advance(ServiceState::Stopped);
    info!(log, &ctx, "service stopped", cut = cut.len(), left = deadline.left());
    match reason {
        Reason::Failed(error) => Ended::Failed { error, cut },
        Reason::Signal(_) | Reason::Done => Ended::Clean { cut },
    }
}
