//! Builds the service, waits for its checks, starts its traffic and watches its tasks.

use std::sync::Arc;
use std::time::Duration;

use underpin_errors::{Error, HealthReport, HealthStatus};
use underpin_logger::{Context, info};

use super::reason::{Reason, Tasks};
use crate::panics::contained;
use crate::stop::StopRequest;
use crate::{Deadline, LifecycleSettings, ServiceState, Start, meters};

/// How long to wait between two rounds of the checks.
const ROUND: Duration = Duration::from_millis(100);

/// Returns when the service shall stop without a signal.
pub(super) async fn run<S>(
    start: &mut Start<S>,
    settings: &LifecycleSettings,
    build: impl AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
    body: impl AsyncFnOnce(&Start<S>) -> bool,
    stop: &StopRequest,
    tasks: &mut Tasks,
    started: &mut usize,
) -> Reason {
    let began = tokio::time::Instant::now();
    if let Err(error) = bring_up(start, settings, build, stop, tasks, started).await {
        return Reason::Failed(error);
    }
    start.opening.readiness.set(start.checks.clone());
    start.gate.advance(ServiceState::Ready);
    meters::started(began.elapsed());
    info!(start.log(), &Context::background(), "service ready", after = began.elapsed());
    for hook in start.hooks.ready.drain(..) {
        if let Err(panic) = contained(hook()).await {
            return Reason::Failed(panic.context("hook on_ready"));
        }
    }
    tokio::select! {
        error = first_failure(tasks) => Reason::Failed(error),
        goes_on = contained(body(start)) => match goes_on {
            Ok(false) => Reason::Done,
            Ok(true) => Reason::Failed(first_failure(tasks).await),
            Err(panic) => Reason::Failed(panic),
        },
    }
}

async fn bring_up<S>(
    start: &mut Start<S>,
    settings: &LifecycleSettings,
    build: impl AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
    stop: &StopRequest,
    tasks: &mut Tasks,
    started: &mut usize,
) -> Result<(), Error> {
    let limit = Deadline::after(settings.start_within);
    limit.run(contained(build(start))).await.ok_or_else(|| too_long("opening the components"))???;
    wait_for_checks(start, limit).await?;
    for task in start.tasks.drain(..) {
        tasks.spawn(task.run(stop.stop(), Arc::clone(&start.opening.log)));
    }
    for component in &start.traffic {
        // Counted before: what failed to start may have opened something.
        *started += 1;
        let name = component.name();
        let begun = limit.run(contained(component.start())).await;
        let begun = begun.ok_or_else(|| too_long(&format!("starting {name}")))?;
        begun.and_then(|result| result).map_err(|error| error.context(format!("start {name}")))?;
    }
    for component in start.traffic.clone() {
        start.check(&*component);
    }
    Ok(())
}

fn too_long(what: &str) -> Error {
    Error::timeout(format!("{what} took longer than start_within"))
}

/// Waits until no required check is down; then says which are and why.
async fn wait_for_checks<S>(start: &Start<S>, limit: Deadline) -> Result<(), Error> {
    let mut last = None;
    let up = limit
        .run(async {
            loop {
                let report = start.checks.run().await;
                if report.status != HealthStatus::Down {
                    return;
                }
                last = Some(report);
                tokio::time::sleep(ROUND).await;
            }
        })
        .await;
    match (up, last) {
        (Some(()), _) => Ok(()),
        (None, Some(report)) => {
            Err(Error::unavailable(format!("not healthy within start_within: {}", missing(&report))))
        }
        (None, None) => Err(too_long("asking the health checks")),
    }
}

fn missing(report: &HealthReport) -> String {
    let down = report.components.iter().filter(|(_, health)| health.status == HealthStatus::Down);
    let one = |(name, health): (&String, &underpin_errors::Health)| {
        format!("{name} ({})", health.reason.as_deref().unwrap_or("no reason given"))
    };
    down.map(one).collect::<Vec<_>>().join(", ")
}

/// Waits for a task that ends with an error; for ever if there is none.
async fn first_failure(tasks: &mut Tasks) -> Error {
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error,
            Err(error) => return Error::internal(format!("a supervised task was lost: {error}")),
        }
    }
    std::future::pending().await
}
