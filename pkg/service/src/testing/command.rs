use underpin_errors::Error;

use crate::cli::Console;
use crate::{Service, ServiceSettings, Start};

/// What a command printed and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandResult {
    /// The exit code.
    pub code: u8,
    /// Standard output.
    pub stdout: String,
    /// Standard error, without the log.
    pub stderr: String,
}

/// Runs the command line of a service in the process of a test; [`Service::arguments`] gives the words. It blocks: not from inside of a runtime.
///
/// # Examples
/// ```
/// use underpin_config::{Loader, Validate};
/// use underpin_logger::LoggerSettings;
/// use underpin_service::commands::{CommandCall, CommandSpec, command_fn};
/// use underpin_service::testing::run_command;
/// use underpin_service::{Service, ServiceSettings, Start, metadata};
///
/// #[derive(serde::Deserialize)]
/// struct Settings {}
/// impl Validate for Settings {}
/// impl ServiceSettings for Settings {
///     fn logger(&self) -> LoggerSettings { LoggerSettings::default() }
/// }
///
/// let loader = Loader::new("APP").environment([("", ""); 0]);
/// let service = Service::new(metadata!(), loader)
///     .command(CommandSpec::new("recount", "Count everything again"))
///     .arguments(["recount"]);
/// let result = run_command(service, async |start: &mut Start<Settings>| {
///     start.command("recount", command_fn(|_: CommandCall| async { Ok("42\n".to_owned()) }));
///     Ok(())
/// });
/// assert_eq!((result.code, result.stdout.as_str()), (0, "42\n"));
/// ```
pub fn run_command<S, B>(service: Service, build: B) -> CommandResult
where
    S: ServiceSettings,
    B: AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
{
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = service.run_with(build, &mut Console::new(&mut out, &mut err));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    CommandResult { code, stdout: text(out), stderr: text(err) }
}
