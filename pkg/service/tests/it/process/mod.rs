//! Real processes: signals, exit codes, settings that are read again, and a runtime that is blocked.
//!
//! The test binary runs itself: [`child::service_of_a_child`] serves when [`child::SCENARIO`] names what it shall do.

mod admin_client;
mod child;
mod namespace;
mod reflection;
mod reload;
mod remote_commands;
mod running;
mod scenarios;
mod stalled;
mod stop;
