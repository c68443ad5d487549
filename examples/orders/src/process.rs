//! The process around the service: settings and log before it, signals beside it, an exit code after it.

use std::process::ExitCode;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use underpin_errors::{BoxError, Report};
use underpin_logger::{Context, Logger, info};

use crate::signals::Signals;
use crate::{Service, Settings, greeting};

/// What a shell reports for a process that Ctrl-C ended: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

/// Runs the service until a signal ends it. Arguments are settings, `key=value`.
///
/// Returns 0 after an orderly end, 1 with one message on stderr when the service cannot start, and 130 when a second signal
/// ends it at once.
pub fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        refuse(&error);
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode, BoxError> {
    let settings = Settings::load(std::env::args().skip(1))?;
    // Flushes the log when it goes, which is after everything that logs.
    let log = underpin_logger::init(&settings.log)?;
    let runtime = Runtime::new()?;
    let result = runtime.block_on(serve(&settings, log.shared()));
    // Nobody waits for what a second signal left running.
    runtime.shutdown_background();
    result
}

async fn serve(settings: &Settings, log: Arc<dyn Logger>) -> Result<ExitCode, BoxError> {
    let mut signals = Signals::listen()?;
    let service = tokio::select! {
        service = Service::start(settings, Arc::clone(&log)) => service?,
        reason = signals.next() => {
            info!(log, &Context::background(), "stopped before the start", reason);
            return Ok(ExitCode::SUCCESS);
        }
    };
    greeting::greet(service.address())?;
    let (stop, stopped) = oneshot::channel();
    tokio::select! {
        () = service.run(async { stopped.await.unwrap_or("nobody listens for signals") }) => Ok(ExitCode::SUCCESS),
        reason = twice(&mut signals, stop) => {
            info!(log, &Context::background(), "ended at once", reason);
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

/// The first signal asks for an orderly end, the second one ends the wait for it.
async fn twice(signals: &mut Signals, stop: oneshot::Sender<&'static str>) -> &'static str {
    // The service listens for as long as it runs, and this is dropped with it.
    let _ = stop.send(signals.next().await);
    signals.next().await
}

#[allow(
    clippy::print_stderr,
    reason = "whoever started the process reads the terminal, and there may be no log yet"
)]
fn refuse(error: &BoxError) {
    eprintln!("orders: {}", Report(&**error));
}
