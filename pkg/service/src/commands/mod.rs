//! Operator commands: what an operator runs with the binary of the service, beside `serve`.
//!
//! A component *offers* a command while it is opened: [`Opening::commands`](crate::Opening) takes an [`Offer`] of an
//! [`OperatorCommand`]. The command line (feature `commands`) opens the components until the wanted command is offered, runs it and stops what
//! was opened. The running service keeps the same offers for its admin listener: a command that needs what only one process can hold, such
//! as a journal, is run there.

mod call;
mod command;
#[cfg(feature = "events")]
mod dead_letters;
#[cfg(feature = "jobs")]
mod jobs;
#[cfg(feature = "database")]
mod migrate;
mod offer;
#[cfg(feature = "outbox")]
mod outbox;
mod output;
#[cfg(any(feature = "events", feature = "jobs"))]
mod printable;
mod registry;
#[cfg_attr(not(feature = "commands"), allow(dead_code, reason = "read by the command line"))]
mod spec;

pub use self::call::CommandCall;
pub use self::command::{CommandFn, OperatorCommand, command_fn};
#[cfg(feature = "events")]
pub use self::dead_letters::DeadLettersCommand;
#[cfg(feature = "jobs")]
pub use self::jobs::JobsCommand;
#[cfg(feature = "database")]
pub use self::migrate::MigrateCommand;
pub use self::offer::Offer;
#[cfg(feature = "outbox")]
pub use self::outbox::OutboxCommand;
pub use self::output::CommandOutput;
pub use self::registry::Commands;
pub use self::spec::CommandSpec;
#[cfg(feature = "commands")]
pub(crate) use self::spec::Usage;
