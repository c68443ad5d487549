//! `POST /commands`: operator commands that only the running service can run.

use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::time::timeout;
use underpin_errors::{Error, Kind, Report};

use crate::commands::{CommandCall, CommandOutput, Commands};

/// The path.
pub(crate) const COMMANDS: &str = "/commands";

/// How long a command may run.
const LIMIT: Duration = Duration::from_secs(300);

/// The body of a request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandRequest {
    pub(crate) command: String,
    pub(crate) resource: String,
    pub(crate) call: CommandCall,
}

/// The body of a reply with status 200: the command ran, or was refused for what it would do.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct CommandReply {
    pub(crate) output: String,
    problem: Option<String>,
    kind: Option<String>,
}

impl CommandReply {
    fn new(output: &CommandOutput, result: Result<(), Error>) -> Self {
        let output = output.as_str().to_owned();
        match result {
            Ok(()) => Self { output, problem: None, kind: None },
            Err(error) => Self {
                output,
                problem: Some(Report(&error).to_string()),
                kind: Some(error.kind().code().to_owned()),
            },
        }
    }

    /// What the command failed with, in the words of the service.
    #[cfg(feature = "commands")]
    pub(crate) fn error(&self) -> Option<Error> {
        let problem = self.problem.clone()?;
        let kind = self.kind.as_deref().and_then(Kind::from_code).unwrap_or(Kind::Internal);
        Some(Error::new(kind, problem))
    }
}

/// Runs the command on the main runtime, where the components live. An error is the status and its text.
pub(super) async fn run(
    commands: &Commands,
    main: &Handle,
    request: CommandRequest,
) -> Result<CommandReply, (StatusCode, &'static str)> {
    let CommandRequest { command, resource, call } = request;
    let offer = commands.find(&command).ok_or((StatusCode::NOT_FOUND, "no component offers this command"))?;
    let runner = match (&offer.resource, offer.command()) {
        (Some(held), Ok(runner)) if *held == resource => runner,
        _ => return Err((StatusCode::CONFLICT, "the command works on something else here")),
    };
    let mut output = CommandOutput::default();
    if offer.offline.iter().any(|action| action == call.action()) {
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
