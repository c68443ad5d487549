use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;
use underpin_errors::Error;

use crate::{CommandCall, CommandOutput};

/// A command that an operator runs, with everything that it works on.
#[async_trait]
pub trait OperatorCommand: Send + Sync + 'static {
    /// Does what the call asks and prints what an operator wants to read: tables with tabs, one record a line.
    ///
    /// **Ordering:** a service may run several calls at a time. **Retries:** none.
    ///
    /// # Errors
    /// What failed, and what to change. What was printed before is shown as well; the exit code is 1, and 2 for the kind `InvalidArgument`.
    ///
    /// # Cancel safety
    /// Must be safe to drop: a signal ends a command.
    async fn run(&self, call: &CommandCall, out: &mut CommandOutput) -> Result<(), Error>;
}

const _: fn(&dyn OperatorCommand) = |_| ();

type RunFn =
    Box<dyn Fn(CommandCall) -> Pin<Box<dyn Future<Output = Result<String, Error>> + Send>> + Send + Sync>;

/// A command made of a closure, which returns what is printed.
///
/// # Examples
/// ```
/// use underpin_commands::{CommandCall, CommandOutput, OperatorCommand, command_fn};
///
/// let greet = command_fn(|call: CommandCall| async move {
///     Ok(format!("hello {}\n", call.text("NAME").unwrap_or("world")))
/// });
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut out = CommandOutput::default();
/// greet.run(&CommandCall::new("").with("NAME", "Ada"), &mut out).await?;
/// assert_eq!(out.as_str(), "hello Ada\n");
/// # Ok::<(), underpin_errors::Error>(()) }).unwrap();
/// ```
pub fn command_fn<F, Fut>(run: F) -> CommandFn
where
    F: Fn(CommandCall) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, Error>> + Send + 'static,
{
    CommandFn(Box::new(move |call| Box::pin(run(call))))
}

/// See [`command_fn`].
pub struct CommandFn(RunFn);

impl std::fmt::Debug for CommandFn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandFn").finish_non_exhaustive()
    }
}

#[async_trait]
impl OperatorCommand for CommandFn {
    async fn run(&self, call: &CommandCall, out: &mut CommandOutput) -> Result<(), Error> {
        let text = (self.0)(call.clone()).await?;
        // A string takes everything.
        let _complete = std::fmt::Write::write_str(out, &text);
        Ok(())
    }
}
