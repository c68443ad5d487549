use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use underpin_config::Loader;
use underpin_errors::{Error, Kind, Report, ResultExt as _};
use underpin_logger::{Context, LogGuard, Logger as _, error};

use crate::admin::{Admin, Subject};
use crate::commands::Commands;
use crate::engine::{Ended, drive};
use crate::{Gate, Metadata, Opening, OsSignals, RuntimeSettings, ServiceSettings, Start, meters};

/// Exit codes; those of signals are in `signals`.
pub(crate) const SUCCESS: u8 = 0;
pub(crate) const FAILURE: u8 = 1;
pub(crate) const MISUSE: u8 = 2;

/// How long the log is waited for when a second signal ends the process.
const LAST_FLUSH: Duration = Duration::from_millis(200);

/// How long blocking work may go on once every component is stopped.
const BLOCKING: Duration = Duration::from_millis(500);

/// Serves until a signal or a failure, with the exit code of the process.
pub(crate) fn serve<S, B>(metadata: Metadata, loader: &Loader, build: B) -> u8
where
    S: ServiceSettings,
    B: AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
{
    let settings: S = match loader.load() {
        Ok(settings) => settings,
        // There is no log yet.
        Err(problems) => return refuse(&metadata, &problems, MISUSE),
    };
    let log = match underpin_logger::init(&settings.logger()) {
        Ok(log) => log,
        Err(problem) => return refuse(&metadata, &problem, FAILURE),
    };
    let commands = Commands::default();
    match prepare(&settings, &metadata, &log, &commands) {
        Ok((runtime, admin)) => {
            let mut opening = Opening::new(log.shared(), metadata);
            opening.commands = commands;
            drive_service(opening, settings, build, &log, runtime, admin)
        }
        Err(problem) => {
            error!(log.logger(), &Context::background(), &problem, "service cannot start");
            FAILURE
        }
    }
}

/// What must be there before the first component: it answers probes while components are opened.
fn prepare<S: ServiceSettings>(
    settings: &S,
    metadata: &Metadata,
    log: &LogGuard,
    commands: &Commands,
) -> Result<(Runtime, Admin), Error> {
    meters::describe();
    let lifecycle = settings.lifecycle();
    let runtime = runtime(&lifecycle.runtime)?;
    let levels = Some(log.logger().levels().clone());
    let subject =
        Subject::new(metadata.clone(), Gate::new(), runtime.handle().clone(), levels, commands.clone());
    let admin = Admin::open(&lifecycle.admin, subject, log.shared())?;
    Ok((runtime, admin))
}

pub(crate) fn runtime(settings: &RuntimeSettings) -> Result<Runtime, Error> {
    let mut builder = Builder::new_multi_thread();
    if settings.workers > 0 {
        builder.worker_threads(settings.workers);
    }
    let builder = builder.max_blocking_threads(settings.blocking_threads).enable_all();
    builder.build().wrap_err(Kind::Internal, "start the tokio runtime")
}

fn drive_service<S, B>(
    opening: Opening,
    settings: S,
    build: B,
    log: &LogGuard,
    runtime: Runtime,
    admin: Admin,
) -> u8
where
    S: ServiceSettings,
    B: AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
{
    let lifecycle = settings.lifecycle();
    let mut start = Start::new(Arc::new(settings), opening, admin.gate());
    let ended = runtime.block_on(async {
        admin.watch_runtime();
        let mut signals = OsSignals::register().wrap_err(Kind::Internal, "listen for signals")?;
        let serving = async |start: &Start<S>| {
            admin.serve_checks(start.checks.clone());
            true
        };
        Ok::<_, Error>(drive(&mut start, &lifecycle, build, &mut signals, serving).await)
    });
    let code = match ended {
        Ok(Ended::Clean { .. }) => SUCCESS,
        Ok(Ended::Failed { .. }) => FAILURE,
        Ok(Ended::AtOnce(signal)) => {
            let _late = log.logger().flush(LAST_FLUSH);
            // Nothing is waited for: neither tasks nor blocking work.
            runtime.shutdown_background();
            return signal.exit_code();
        }
        Err(problem) => {
            error!(log.logger(), &Context::background(), &problem, "service cannot start");
            FAILURE
        }
    };
    admin.close();
    runtime.shutdown_timeout(BLOCKING);
    code
}

/// Tells why the service does not start, on standard error.
fn refuse(metadata: &Metadata, problem: &(dyn std::error::Error + 'static), code: u8) -> u8 {
    // A closed standard error is no reason to hide the exit code.
    let _closed = writeln!(std::io::stderr(), "{}: {}", metadata.name, Report(problem));
    code
}
