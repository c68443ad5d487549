//! `POST /commands`: operator commands that only the running service can run.

use std::time::Duration;

use http::StatusCode;
use tokio::runtime::Handle;
use tokio::time::timeout;
use underpin_commands::wire::{CommandReply, CommandRequest};
use underpin_commands::{CommandOutput, Commands};
use underpin_errors::{Error, Kind};

/// How long a command may run.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs the command on the main runtime, where the components live. An error is the status and its text.
pub(super) async fn run(
    commands: &Commands,
    main: &Handle,
    request: CommandRequest,
) -> Result<CommandReply, (StatusCode, &'static str)> {
    let CommandRequest { command, resource, call, .. } = request;
    let offer = commands.find(&command).ok_or((StatusCode::NOT_FOUND, "no component offers this command"))?;
    let runner = match (offer.held(), offer.command()) {
        (Some(held), Ok(runner)) if held == resource => runner,
        _ => return Err((StatusCode::CONFLICT, "the command works on something else here")),
    };
    let mut output = CommandOutput::default();
    if offer.is_offline(call.action()) {
        let why = format!("stop the service first: {command} {} takes away what it works on", call.action());
        return Ok(CommandReply::new(&output, Err(Error::new(Kind::FailedPrecondition, why))));
    }
    let ran = main.spawn(async move {
        let result = match timeout(LIMIT, runner.run(&call, &mut output)).await {
            Ok(result) => result,
            Err(_) => Err(Error::timeout("the command took longer than five minutes and was dropped")),
        };
        CommandReply::new(&output, result)
    });
    ran.await.map_err(|_| (StatusCode::INTERNAL_SERVER_ERROR, "the command panicked"))
}
