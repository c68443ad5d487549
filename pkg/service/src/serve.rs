use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use underpin_config::{Live, Loader};
use underpin_errors::{Error, Kind, Report, ResultExt as _};
use underpin_logger::{Context, LogGuard, Logger as _, SlogLogger, error};

use crate::admin::{Admin, Subject};
use crate::engine::{Ended, drive};
use crate::exit_code::{FAILURE, MISUSE, SUCCESS};
use crate::reload::Reloader;
use crate::signals::{LastResort, SignalThread};
use crate::{Gate, LifecycleSettings, Metadata, Opening, RuntimeSettings, ServiceSettings, Start, meters};

/// How long the log is waited for when a second signal ends the process.
const LAST_FLUSH: Duration = Duration::from_millis(200);

/// How long blocking work may go on once every component is stopped.
const BLOCKING: Duration = Duration::from_millis(500);

/// Serves until a signal or a failure. Returns the exit code of the process.
pub(crate) fn serve<S, B>(metadata: Metadata, loader: Loader, build: B) -> u8
where
    S: ServiceSettings,
    B: AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
{
    let live = match Live::<S>::load(loader) {
        Ok(live) => live,
        // There is no log yet.
        Err(problems) => return refuse(&metadata, &problems, MISUSE),
    };
    let settings = live.current();
    let log = match underpin_logger::init(&settings.logger()) {
        Ok(log) => log,
        Err(problem) => return refuse(&metadata, &problem, FAILURE),
    };
    let opening = Opening::new(log.shared(), metadata);
    let lifecycle = settings.lifecycle();
    let prepared = prepare(&lifecycle, &opening, &log).and_then(|(runtime, admin)| {
        let start = Start::new(settings, opening, admin.gate());
        let levels = log.logger().levels().clone();
        let reloader = Arc::new(Reloader::new(live, levels, start.subscribers.clone(), log.shared()));
        let last_resort =
            LastResort { gate: admin.gate(), stop_within: lifecycle.stop_within, log: log.logger().clone() };
        let (on_hangup, file) = (Arc::clone(&reloader), log.logger().clone());
        let signals = SignalThread::start(last_resort, move || {
            reopen(&file);
            on_hangup.reload();
        })?;
        Ok((runtime, admin, start, signals, reloader))
    });
    match prepared {
        Ok((runtime, admin, start, signals, reloader)) => {
            #[cfg(feature = "watch")]
            let _watch = watch(&reloader, &log);
            #[cfg(not(feature = "watch"))]
            drop(reloader);
            drive_service(start, &lifecycle, build, signals, &log, runtime, admin)
        }
        Err(problem) => {
            error!(log.logger(), &Context::background(), &problem, "service cannot start");
            FAILURE
        }
    }
}

/// What must be there before the first component: it answers probes while components are opened.
fn prepare(
    lifecycle: &LifecycleSettings,
    opening: &Opening,
    log: &LogGuard,
) -> Result<(Runtime, Admin), Error> {
    meters::describe();
    let runtime = runtime(&lifecycle.runtime)?;
    let levels = Some(log.logger().levels().clone());
    let subject = Subject::new(Gate::new(), runtime.handle().clone(), levels, opening);
    let admin = Admin::open(&lifecycle.admin, subject, log.shared())?;
    Ok((runtime, admin))
}

/// Goes on in a new log file where logrotate or another tool has moved the old one. Nothing else is reopened.
fn reopen(log: &SlogLogger) {
    if let Err(failed) = log.reopen() {
        error!(log, &Context::background(), &failed, "log file not reopened");
    }
}

#[cfg(feature = "watch")]
fn watch<S: ServiceSettings>(reloader: &Arc<Reloader<S>>, log: &LogGuard) -> Option<underpin_config::Watch> {
    // SIGHUP still works.
    let failed = |problem: &underpin_config::WatchError| {
        underpin_logger::warn!(log.logger(), &Context::background(), problem, "settings are not watched");
    };
    reloader.watch().inspect_err(failed).ok()
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
    mut start: Start<S>,
    lifecycle: &LifecycleSettings,
    build: B,
    mut signals: SignalThread,
    log: &LogGuard,
    runtime: Runtime,
    admin: Admin,
) -> u8
where
    S: ServiceSettings,
    B: AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
{
    let ended = runtime.block_on(async {
        admin.watch_runtime();
        drive(&mut start, lifecycle, build, &mut signals, async |_: &Start<S>| true).await
    });
    let code = match ended {
        Ended::Clean { .. } => SUCCESS,
        Ended::Failed { .. } => FAILURE,
        Ended::AtOnce(signal) => {
            let _late = log.logger().flush(LAST_FLUSH);
            // Nothing is waited for: neither tasks nor blocking work.
            runtime.shutdown_background();
            return signal.exit_code();
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
