//! The process around the service: settings and log before it, signals beside it, an exit code after it.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use underpin_errors::{BoxError, Report};
use underpin_logger::{Context, LogOutput, Logger, info};

use crate::arguments::{Form, Request, USAGE, Unknown};
use crate::dead_letters::Command;
use crate::migrate::Migrate;
use crate::signals::Signals;
use crate::{Service, Settings, dead_letters, greeting, migrate};

/// The exit code after Ctrl-C: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

/// The exit code for unknown arguments.
const MISUSED: u8 = 2;

/// Runs the service until a signal ends it. Arguments are settings, `key=value`; or `dead-letters` or `migrate` with a command, or
/// one of `--config-reference` and `--help`, which print and end.
///
/// Returns 0 after an orderly end, 1 with one message on stderr when the service cannot start, 2 with one for arguments that
/// it does not know, and 130 when a second signal ends it at once.
pub fn main() -> ExitCode {
    let request = match Request::parse(std::env::args().skip(1)) {
        Ok(request) => request,
        Err(unknown) => {
            misused(unknown);
            return ExitCode::from(MISUSED);
        }
    };
    let result = match request {
        Request::Serve(overrides) => run(overrides),
        Request::DeadLetters(command, overrides) => look_after(command, overrides),
        Request::Migrate(what, overrides) => migrate(what, overrides),
        Request::Reference(form) => print(&reference(form)),
        Request::Help => print(USAGE),
    };
    result.unwrap_or_else(|error| {
        refuse(&error);
        ExitCode::FAILURE
    })
}

/// The reference of the settings; no source of them is read.
fn reference(form: Form) -> String {
    let reference = Settings::reference();
    match form {
        Form::Markdown => reference.markdown(),
        Form::Toml => reference.toml(),
        Form::Env => reference.dotenv(),
        Form::JsonSchema => reference.json_schema(),
    }
}

/// A reader that has seen enough, such as `head`, is no failure.
fn print(text: &str) -> Result<ExitCode, BoxError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn run(overrides: Vec<String>) -> Result<ExitCode, BoxError> {
    let settings = Settings::load(overrides)?;
    // Flushes the log when it goes, which is after everything that logs.
    let log = underpin_logger::init(&settings.log)?;
    let runtime = Runtime::new()?;
    let result = runtime.block_on(serve(&settings, log.shared()));
    // A second signal leaves tasks running; they are not awaited.
    runtime.shutdown_background();
    result
}

fn look_after(command: Command, overrides: Vec<String>) -> Result<ExitCode, BoxError> {
    let settings = Settings::load(overrides)?;
    let said = Runtime::new()?.block_on(dead_letters::run(&settings.events, command));
    print(&said.map_err(BoxError::from)?)
}

/// The log goes to stderr, so that stdout says what was done and nothing else.
fn migrate(what: Migrate, overrides: Vec<String>) -> Result<ExitCode, BoxError> {
    let mut settings = Settings::load(overrides)?;
    settings.log.output = LogOutput::Stderr;
    let log = underpin_logger::init(&settings.log)?;
    let said = Runtime::new()?.block_on(migrate::run(&settings, what, &log.shared()))?;
    print(&said)
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
        () = service.run(async { stopped.await.unwrap_or("the signal task ended") }) => Ok(ExitCode::SUCCESS),
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

#[allow(clippy::print_stderr, reason = "for the terminal: there may be no log yet")]
fn refuse(error: &BoxError) {
    eprintln!("orders: {}", Report(&**error));
}

#[allow(clippy::print_stderr, reason = "for the terminal")]
fn misused(Unknown { place }: Unknown) {
    eprint!("orders: argument {place} is not known\n\n{USAGE}");
}
