//! Operator commands: what an operator runs with the binary of the service, beside `serve`. See [`underpin_commands`].
//!
//! A component *offers* a command while it is opened: [`Opening::commands`](crate::Opening) takes an [`Offer`] of an
//! [`OperatorCommand`]. The command line (feature `commands`) opens the components until the wanted command is offered, runs it and stops what
//! was opened. The running service keeps the same offers for its admin listener: a command that needs what only one process can hold, such
//! as a journal, is run there.

#[cfg(feature = "events")]
pub use underpin_commands::DeadLettersCommand;
#[cfg(feature = "jobs")]
pub use underpin_commands::JobsCommand;
#[cfg(feature = "database")]
pub use underpin_commands::MigrateCommand;
#[cfg(feature = "outbox")]
pub use underpin_commands::OutboxCommand;
pub use underpin_commands::{
    CommandCall, CommandFn, CommandOutput, CommandSpec, Commands, Offer, OperatorCommand, command_fn,
};
