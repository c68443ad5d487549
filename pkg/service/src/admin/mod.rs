//! The admin listener: probes, information and the log level, on a thread and a runtime that the load of the service does not reach.

mod access;
mod commands;
mod paths;
mod ready;
mod server;
mod subject;

#[cfg(feature = "commands")]
pub(crate) use commands::{COMMANDS, CommandReply, CommandRequest};
pub(crate) use server::Admin;
pub(crate) use subject::Subject;
