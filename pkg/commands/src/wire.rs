//! What the command line and the admin listener of a running service send each other, as JSON.

use serde::{Deserialize, Serialize};
use underpin_errors::{Error, Kind, Report};

use crate::{CommandCall, CommandOutput};

/// The path that takes a [`CommandRequest`] with `POST`.
pub const PATH: &str = "/commands";

/// The body of a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CommandRequest {
    /// The name of the command.
    pub command: String,
    /// What it shall work on, as [`Offer::resource`](crate::Offer::resource) names it.
    pub resource: String,
    /// Its action and arguments.
    pub call: CommandCall,
}

impl CommandRequest {
    /// Asks for a command on a resource.
    pub fn new(command: impl Into<String>, resource: impl Into<String>, call: CommandCall) -> Self {
        Self { command: command.into(), resource: resource.into(), call }
    }
}

/// The body of a reply with status 200: the command ran, or was refused for what it would do.
#[derive(Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CommandReply {
    /// What it printed.
    pub output: String,
    problem: Option<String>,
    kind: Option<String>,
}

impl CommandReply {
    /// What a command printed and how it ended.
    pub fn new(output: &CommandOutput, result: Result<(), Error>) -> Self {
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
    pub fn error(&self) -> Option<Error> {
        let problem = self.problem.clone()?;
        let kind = self.kind.as_deref().and_then(Kind::from_code).unwrap_or(Kind::Internal);
        Some(Error::new(kind, problem))
    }
}
