use std::sync::Arc;
use std::time::Duration;

use underpin_config::Loader;
use underpin_errors::{Error, Kind, Report, ResultExt as _};
use underpin_logger::sink::{DirectSink, Output};
use underpin_logger::{Level, LevelRules, Logger, NoopLogger, SlogLogger, TerminalFormat};

use super::arguments::Wanted;
use super::console::Console;
use super::remote::{self, RemoteReply};
use crate::commands::{CommandOutput, Offer};
use crate::engine::{CommandEnded, drive_command};
use crate::exit_code::{FAILURE, MISUSE, SUCCESS};
use crate::serve::runtime;
use crate::signals::OsSignals;
use crate::{AdminSettings, Gate, Metadata, Opening, ServiceSettings, Start};

/// How long blocking work may go on once the components are stopped.
const BLOCKING: Duration = Duration::from_millis(500);

/// Opens components until one offers the command, runs it and stops them.
pub(super) fn run<S, B>(
    metadata: Metadata,
    loader: &Loader,
    wanted: &Wanted,
    build: B,
    console: &mut Console<'_>,
) -> u8
where
    S: ServiceSettings,
    B: AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
{
    let name = metadata.name.clone();
    let mut output = CommandOutput::default();
    let result = match loader.load::<S>() {
        Ok(settings) => execute(metadata, settings, wanted, build, &mut output),
        Err(problems) => Err(Error::wrap(Kind::InvalidArgument, problems, "read the settings")),
    };
    let code = console.print(output.as_str(), SUCCESS);
    match result {
        Ok(ended) => code.max(ended),
        Err(error) => {
            let code = if error.kind() == Kind::InvalidArgument { MISUSE } else { FAILURE };
            console.refuse(&format!("{name}: {}\n", Report(&error)), code)
        }
    }
}

fn execute<S, B>(
    metadata: Metadata,
    settings: S,
    wanted: &Wanted,
    build: B,
    out: &mut CommandOutput,
) -> Result<u8, Error>
where
    S: ServiceSettings,
    B: AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
{
    let lifecycle = settings.lifecycle();
    let runtime = runtime(&lifecycle.runtime)?;
    let opening = Opening::new(warnings(), metadata).for_command(&wanted.command);
    let mut start = Start::new(Arc::new(settings), opening, Gate::new());
    let ended = runtime.block_on(async {
        let mut signals = OsSignals::register().wrap_err(Kind::Internal, "listen for signals")?;
        let command = async |offer: Offer| answer(&offer, wanted, &lifecycle.admin, out).await;
        Ok::<_, Error>(
            drive_command(&mut start, &lifecycle, &wanted.command, build, &mut signals, command).await,
        )
    });
    runtime.shutdown_timeout(BLOCKING);
    match ended? {
        CommandEnded::Done(result) => result.map(|()| SUCCESS),
        CommandEnded::Interrupted(signal) => Ok(signal.exit_code()),
    }
}

/// Runs the command here, or in the service that holds its resource.
async fn answer(
    offer: &Offer,
    wanted: &Wanted,
    admin: &AdminSettings,
    out: &mut CommandOutput,
) -> Result<(), Error> {
    let why = match &offer.resource {
        None => None,
        Some(resource) => match remote::ask(admin, &wanted.command, resource, &wanted.call).await? {
            RemoteReply::Ran { output, problem } => {
                // A string takes everything.
                let _complete = std::fmt::Write::write_str(out, &output);
                return problem.map_or(Ok(()), Err);
            }
            RemoteReply::Unable(why) => Some(why),
        },
    };
    let command = offer.command().map_err(|error| match why {
        Some(why) => Error::new(error.kind(), format!("{}; {why}", error.public_message())),
        None => error,
    })?;
    command.run(&wanted.call, out).await
}

/// Standard output belongs to the command, so its log goes to standard error, warnings only.
fn warnings() -> Arc<dyn Logger> {
    match Output::stderr() {
        Ok(output) => Arc::new(
            SlogLogger::terminal(TerminalFormat::from_env())
                .levels(LevelRules::level(Level::Warn))
                .shared_sink(Arc::new(DirectSink::new(output)))
                .build(),
        ),
        Err(_) => Arc::new(NoopLogger),
    }
}
