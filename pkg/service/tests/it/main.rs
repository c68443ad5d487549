//! The public API of the crate, as an adopter sees it.
#![allow(clippy::future_not_send, reason = "a test drives its service on its own thread")]

#[cfg(test)]
mod broker;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod embedded;
#[cfg(test)]
mod http;
#[cfg(test)]
mod order;
#[cfg(test)]
mod process;
#[cfg(test)]
mod property;
#[cfg(test)]
mod shares;
#[cfg(test)]
mod standard_commands;
#[cfg(test)]
mod supervision;
