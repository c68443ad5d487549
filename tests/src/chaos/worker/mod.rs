//! The processes that are killed: a producer, relays and consumers. They use the public API of the crates and nothing else,
//! and each knows nothing of the chaos around it.

mod connect;
mod consumer;
mod crash;
mod producer;
mod relay;
mod settings;

use underpin_errors::BoxError;
use underpin_logger::{Context, info, init};

use crate::process::{live_no_longer_than_the_driver, stop_on_sigterm};

pub(crate) use settings::{
    CrashPoint, Enqueue, InboxUse, ProducerSettings, Role, WorkerSettings, acknowledged, log_file,
};

/// Runs the worker that the environment describes, until SIGTERM or until it is done.
///
/// # Errors
/// Whatever it cannot go on with; every outage that can pass is waited for instead.
pub async fn work() -> Result<(), BoxError> {
    let settings = WorkerSettings::from_env()?;
    live_no_longer_than_the_driver(settings.parent)?;
    let guard = init(&settings.logger())?;
    let log = guard.shared();
    let stop = stop_on_sigterm()?;
    info!(log, &Context::background(), "worker started", pid = std::process::id());
    let done = match settings.role.clone() {
        Role::Producer(how) => producer::run(&settings, how, &log, &stop).await,
        Role::Relay => relay::run(&settings, &log, &stop).await,
        Role::Consumer(inbox) => consumer::run(&settings, inbox, &log, &stop).await,
    };
    match &done {
        Ok(()) => info!(log, &Context::background(), "worker done"),
        Err(error) => underpin_logger::error!(log, &Context::background(), &**error, "worker gave up"),
    }
    done
}
