use tokio::task::JoinSet;
use underpin_errors::{Error, Kind};

use super::stopping;
use crate::commands::Offer;
use crate::panics::contained;
use crate::signals::Signals;
use crate::stop::StopRequest;
use crate::{Deadline, LifecycleSettings, ServiceState, Signal, Start};

/// How an operator command ended.
pub(crate) enum CommandEnded {
    Done(Result<(), Error>),
    /// A signal came first; the command was dropped and the components were stopped.
    Interrupted(Signal),
}

/// Builds until the command is offered, runs it, and stops what was opened. Parts, traffic and tasks are not started.
pub(crate) async fn drive_command<S>(
    start: &mut Start<S>,
    settings: &LifecycleSettings,
    name: &str,
    build: impl AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
    signals: &mut dyn Signals,
    command: impl AsyncFnOnce(Offer) -> Result<(), Error>,
) -> CommandEnded {
    let working = async {
        let offer = wait_for_offer(start, settings, name, build).await?;
        contained(command(offer)).await?
    };
    let ended = tokio::select! {
        biased;
        signal = signals.next() => CommandEnded::Interrupted(signal),
        result = working => CommandEnded::Done(result),
    };
    start.traffic.clear();
    start.hooks.drain.clear();
    let (deadline, stop) = (Deadline::after(settings.stop_within), StopRequest::new());
    tokio::select! {
        biased;
        signal = signals.next() => CommandEnded::Interrupted(signal),
        _cut = stopping::run(start, settings, deadline, true, &stop, JoinSet::new()) => {
            start.gate.advance(ServiceState::Stopped);
            ended
        }
    }
}

/// The rest of the closure is dropped once the command is there.
async fn wait_for_offer<S>(
    start: &mut Start<S>,
    settings: &LifecycleSettings,
    name: &str,
    build: impl AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
) -> Result<Offer, Error> {
    let commands = start.opening.commands.clone();
    let limit = Deadline::after(settings.start_within);
    let built = tokio::select! {
        biased;
        offer = commands.offered(name) => return Ok(offer),
        built = limit.run(contained(build(start))) => built,
    };
    if let Some(offer) = commands.find(name) {
        return Ok(offer);
    }
    built.ok_or_else(|| Error::timeout("opening the components took longer than start_within"))???;
    Err(Error::new(
        Kind::FailedPrecondition,
        format!("no component of this service offers the command {name}"),
    ))
}
