use std::sync::Arc;
use std::time::Duration;

use underpin_commands::cli::{self, AdminAddress, OperatorRequest};
use underpin_commands::{CommandOutput, Offer};
use underpin_config::Loader;
use underpin_errors::{Error, Kind, Report, ResultExt as _};
use underpin_logger::sink::{DirectSink, Output};
use underpin_logger::{Level, LevelRules, Logger, NoopLogger, SlogLogger, TerminalFormat};

use super::console::Console;
use crate::engine::{CommandEnded, drive_command};
use crate::exit_code::{FAILURE, MISUSE, SUCCESS};
use crate::serve::runtime;
use crate::signals::OsSignals;
use crate::{Gate, Metadata, Opening, ServiceSettings, Start};

/// How long blocking work may go on once the components are stopped.
const BLOCKING: Duration = Duration::from_millis(500);

/// Opens components until one offers the command, runs it and stops them.
pub(super) fn run<S, B>(
    metadata: Metadata,
    loader: &Loader,
    wanted: &OperatorRequest,
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
    wanted: &OperatorRequest,
    build: B,
    out: &mut CommandOutput,
) -> Result<u8, Error>
where
    S: ServiceSettings,
    B: AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
{
    let lifecycle = settings.lifecycle();
    let admin = match &lifecycle.admin {
        admin if admin.enabled => AdminAddress::new(admin.address, admin.token.clone()),
        _ => AdminAddress::default(),
    };
    let runtime = runtime(&lifecycle.runtime)?;
    let opening = Opening::new(warnings(), metadata).for_command(&wanted.command);
    let mut start = Start::new(Arc::new(settings), opening, Gate::new());
    let ended = runtime.block_on(async {
        let mut signals = OsSignals::register().wrap_err(Kind::Internal, "listen for signals")?;
        let command = async |offer: Offer| cli::run(&offer, &wanted.call, &admin, out).await;
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
