//! Operator commands: what an operator runs with the binary of a service, beside `serve`.
//!
//! A component *offers* a command: [`Commands`] takes an [`Offer`] of an [`OperatorCommand`]. A [`CommandSpec`] says how it is written. The
//! command line (feature `cli`) reads the words of the operator, and runs the offer in this process or in the running service: a command that
//! needs what only one process can hold, such as a journal, is sent to the admin listener.
//!
//! ```
//! use underpin_commands::{CommandCall, CommandOutput, Commands, Offer, command_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_errors::Error> {
//! let commands = Commands::default();
//! let rebuild = command_fn(|call: CommandCall| async move {
//!     Ok(format!("rebuilt since {}\n", call.text("SINCE").unwrap_or("ever")))
//! });
//! commands.offer(Offer::new("index", rebuild));
//!
//! let mut out = CommandOutput::default();
//! let offer = commands.find("index").expect("offered above");
//! offer.command()?.run(&CommandCall::new("rebuild").with("SINCE", "2026"), &mut out).await?;
//! assert_eq!(out.as_str(), "rebuilt since 2026\n");
//! # Ok(()) }
//! ```
//!
//! `underpin-service` does all of it for a service: its components offer `migrate`, `dead-letters`, `outbox` and `jobs`, and its `main` has the
//! command line.

mod call;
#[cfg(feature = "cli")]
pub mod cli;
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
#[cfg(any(feature = "events", feature = "jobs", feature = "outbox"))]
mod printable;
mod registry;
#[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "read by the command line"))]
mod spec;
pub mod wire;

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

#[cfg(all(doctest, feature = "cli"))]
#[doc = include_str!("../README.md")]
struct Readme;
