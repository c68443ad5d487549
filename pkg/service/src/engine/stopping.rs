//! Stops what was opened, in reverse, within one deadline.
//!
//! 1. The gate goes to draining: readiness says no. Hooks `on_drain`.
//! 2. `drain_grace`: traffic is still accepted, until every load balancer has noticed.
//! 3. Traffic is quiesced, then all of it is stopped at once, together with the work after requests. What is fed by other traffic is
//!    stopped once that has ended, for which there is half of the time.
//! 4. Supervised tasks are asked to end; parts are stopped, then plugins, each from the last to the first.
//! 5. Hooks `on_stopped`.
//!
//! A fifth of the time, at least half a second, is kept for steps 4 and 5. Each stop runs as a task: one that hangs or panics costs its own share.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use underpin_errors::Error;
use underpin_logger::{Context, Logger, error, warn};

use super::reason::Tasks;
use crate::panics::contained;
use crate::start::Hook;
use crate::stop::StopRequest;
use crate::{Component, Deadline, LifecycleSettings, ServiceState, Start, Stopped, meters};

/// What is kept at least for parts, plugins and hooks, as far as there is that much.
const RESERVE: Duration = Duration::from_millis(500);

/// How long one component may take to quiesce.
const QUIESCE: Duration = Duration::from_millis(250);

/// How long a component may overrun its deadline: it needs a moment to report what was left.
const MERCY: Duration = Duration::from_millis(50);

/// Stops everything. Returns the components that had work left.
pub(super) async fn run<S>(
    start: &mut Start<S>,
    settings: &LifecycleSettings,
    deadline: Deadline,
    skips_grace: bool,
    stop: &StopRequest,
    tasks: Tasks,
) -> Vec<String> {
    let log = start.log();
    let deadline = deadline.before(MERCY);
    let reserve = (deadline.left() / 5).max(RESERVE).min(deadline.left() / 2);
    let was_serving = start.gate.state() == ServiceState::Ready;
    start.gate.advance(ServiceState::Draining);
    // Requests and the grace keep the rest, whatever a hook does.
    let hooks = deadline.before(reserve).at_most(deadline.left() / 8);
    run_hooks(std::mem::take(&mut start.hooks.drain), hooks, &log).await;
    if was_serving && !skips_grace {
        deadline.before(reserve).run(tokio::time::sleep(settings.drain_grace)).await;
    }

    start.gate.advance(ServiceState::Stopping);
    let mut cut = Vec::new();
    for component in start.traffic.iter().rev() {
        quiesce(&**component, deadline.before(reserve).at_most(QUIESCE), &log).await;
    }
    let (followers, leaders): (Vec<_>, Vec<_>) =
        start.traffic.iter().cloned().partition(Component::follows_traffic);
    // Both get their share: half of the time is for those that are fed.
    let (end, half) = (deadline.before(reserve), deadline.before(reserve).left() / 2);
    let share = if followers.is_empty() { end } else { end.at_most(half) };
    let stops = stop_all(&leaders, share, &log);
    if let Stopped::Cut { left } = start.spawner.finish(share).await {
        report_cut("spawner", &left, &log);
        cut.push(left);
    }
    cut.extend(stops.await);
    cut.extend(stop_all(&followers, end, &log).await);

    stop.send();
    let background: Vec<_> = start.parts.iter().rev().chain(start.plugins.iter().rev()).cloned().collect();
    let mut waiting = background.len() + 1 + usize::from(!start.hooks.stopped.is_empty());
    let mut share = || {
        let share = deadline.at_most(deadline.left() / u32::try_from(waiting).unwrap_or(u32::MAX).max(1));
        waiting -= 1;
        share
    };
    cut.extend(end_tasks(tasks, share(), &log).await);
    for component in background {
        cut.extend(stop_one(component, share(), Arc::clone(&log)).await);
    }
    run_hooks(std::mem::take(&mut start.hooks.stopped), deadline, &log).await;
    cut
}

/// Stops components, all at once and at once; what was left of each.
fn stop_all(
    components: &[Arc<dyn Component>],
    deadline: Deadline,
    log: &Arc<dyn Logger>,
) -> impl Future<Output = Vec<String>> + use<> {
    let mut stops = JoinSet::new();
    for component in components {
        stops.spawn(stop_one(Arc::clone(component), deadline, Arc::clone(log)));
    }
    async move {
        let mut left = Vec::new();
        while let Some(stopped) = stops.join_next().await {
            left.extend(stopped.ok().flatten());
        }
        left
    }
}

/// Stops one component; what was left of it, if anything was.
async fn stop_one(component: Arc<dyn Component>, deadline: Deadline, log: Arc<dyn Logger>) -> Option<String> {
    let name = component.name().to_owned();
    let began = Instant::now();
    // A separate task: a stop that blocks its thread holds up no other.
    let mut task = tokio::spawn(async move { contained(component.stop(deadline)).await });
    let left = match Deadline::after(deadline.left() + MERCY).run(&mut task).await {
        Some(Ok(Ok(Stopped::Clean))) => None,
        Some(Ok(Ok(Stopped::Cut { left }))) => Some(left),
        Some(Ok(Err(panic))) => {
            meters::panicked(&name);
            error!(log, &Context::background(), &panic, "stop panicked", component = name);
            Some("panicked".to_owned())
        }
        Some(Err(_)) => Some("lost".to_owned()),
        None => {
            task.abort();
            Some("overran its deadline".to_owned())
        }
    };
    meters::stopped(&name, began.elapsed());
    let left = left?;
    meters::cut(&name);
    let cut = Error::timeout(left.clone());
    warn!(
        log,
        &Context::background(),
        &cut,
        "component stopped with work left",
        component = name,
        after = began.elapsed()
    );
    Some(format!("{name}: {left}"))
}

/// Waits for the supervised tasks, which were asked to end; the rest is aborted.
async fn end_tasks(mut tasks: Tasks, deadline: Deadline, log: &Arc<dyn Logger>) -> Option<String> {
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            if let Ok(Err(failure)) = ended {
                warn!(log, &Context::background(), &failure, "supervised task failed while stopping");
            }
        }
    };
    if deadline.run(all).await.is_some() {
        return None;
    }
    let left = tasks.len();
    tasks.abort_all();
    let left = format!("{left} supervised tasks");
    report_cut("tasks", &left, log);
    Some(left)
}

async fn quiesce(component: &dyn Component, deadline: Deadline, log: &Arc<dyn Logger>) {
    let name = component.name();
    match deadline.run(contained(component.quiesce())).await {
        Some(Ok(())) => {}
        Some(Err(panic)) => {
            meters::panicked(name);
            error!(log, &Context::background(), &panic, "quiesce panicked", component = name);
        }
        None => {
            let late = Error::timeout("quiesce overran its deadline");
            warn!(log, &Context::background(), &late, "quiesce was cut off", component = name);
        }
    }
}

/// Counts and logs work that was cut off and belongs to no component.
fn report_cut(name: &str, left: &str, log: &Arc<dyn Logger>) {
    meters::cut(name);
    let cut = Error::timeout(left.to_owned());
    warn!(log, &Context::background(), &cut, "work was cut off", component = name);
}

async fn run_hooks(hooks: Vec<Hook>, deadline: Deadline, log: &Arc<dyn Logger>) {
    for hook in hooks {
        match deadline.run(contained(hook())).await {
            Some(Ok(())) => {}
            Some(Err(panic)) => error!(log, &Context::background(), &panic, "hook panicked"),
            None => warn!(
                log,
                &Context::background(),
                &Error::timeout("the hook overran its deadline"),
                "hook was cut off"
            ),
        }
    }
}
