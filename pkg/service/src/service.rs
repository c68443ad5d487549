use std::ffi::OsString;
use std::process::ExitCode;

use underpin_config::Loader;
use underpin_errors::Error;

use crate::commands::CommandSpec;
use crate::{Metadata, ServiceSettings, Start};

/// Runs a service: reads the command line and the settings, sets up log, runtime, signals and admin listener, builds, serves, and stops in order.
///
/// `build` opens the components. It runs on the calling thread, so nothing that it holds needs to be `Send`.
///
/// Call it as the last expression of `main`: it returns the exit code (see the [crate's documentation](crate)). A service with further commands
/// starts from [`Service::new`] instead.
pub fn run<S, B>(metadata: Metadata, loader: Loader, build: B) -> ExitCode
where
    S: ServiceSettings,
    B: AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
{
    Service::new(metadata, loader).run(build)
}

/// A service and its command line.
///
/// # Examples
/// ```no_run
/// # use underpin_service::{ServiceSettings, Start};
/// # fn main_of<S: ServiceSettings>(loader: underpin_config::Loader) -> std::process::ExitCode {
/// use underpin_service::commands::{CommandCall, CommandSpec, command_fn};
/// use underpin_service::{Service, metadata};
///
/// Service::new(metadata!(), loader)
///     .command(CommandSpec::new("recount", "Count everything again"))
///     .run(async |start: &mut Start<S>| {
///         start.command("recount", command_fn(|_: CommandCall| async { Ok("42\n".to_owned()) }));
///         Ok(())
///     })
/// # }
/// ```
#[derive(Debug)]
#[must_use = "call run"]
#[cfg_attr(not(feature = "commands"), allow(dead_code, reason = "read by the command line"))]
pub struct Service {
    metadata: Metadata,
    loader: Loader,
    commands: Vec<CommandSpec>,
    arguments: Option<Vec<OsString>>,
}

impl Service {
    /// A service that reads its settings with this loader.
    pub fn new(metadata: Metadata, loader: Loader) -> Self {
        Self { metadata, loader, commands: Vec::new(), arguments: None }
    }

    /// Declares an operator command. [`Start::command`] offers it. Without the feature `commands` there is no command line.
    pub fn command(mut self, command: CommandSpec) -> Self {
        self.commands.push(command);
        self
    }

    /// The arguments, without the name of the program, instead of those of the process.
    pub fn arguments(mut self, arguments: impl IntoIterator<Item: Into<OsString>>) -> Self {
        self.arguments = Some(arguments.into_iter().map(Into::into).collect());
        self
    }

    /// See [`run`].
    pub fn run<S, B>(self, build: B) -> ExitCode
    where
        S: ServiceSettings,
        B: AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
    {
        #[cfg(feature = "commands")]
        let code = {
            let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
            self.run_with(build, &mut crate::cli::Console::new(&mut out, &mut err))
        };
        #[cfg(not(feature = "commands"))]
        let code = crate::serve::serve(self.metadata, self.loader, build);
        ExitCode::from(code)
    }

    /// As [`run`](Self::run), with the output of commands to this console. Returns the exit code.
    #[cfg(feature = "commands")]
    pub(crate) fn run_with<S, B>(self, build: B, console: &mut crate::cli::Console<'_>) -> u8
    where
        S: ServiceSettings,
        B: AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
    {
        let Self { metadata, loader, commands, arguments } = self;
        let arguments = arguments.unwrap_or_else(|| std::env::args_os().skip(1).collect());
        crate::cli::run(metadata, loader, &commands, arguments, build, console)
    }
}
