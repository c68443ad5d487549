//! The admin listener: probes, information and the log level, on a thread and a runtime that the load of the service does not reach.

mod access;
mod commands;
mod paths;
mod ready;
#[cfg(feature = "grpc")]
mod reflection;
mod reply;
mod server;
mod subject;

pub(crate) use server::Admin;
pub(crate) use subject::Subject;
