//! Servers in containers, for a machine that has an engine and no local binaries.
//!
//! The client `docker` does everything: it is on every machine with an engine, and it compiles in no time. Ports are
//! published on fixed numbers, so that a killed and restarted container keeps its URL.

mod client;
mod server;

pub(crate) use client::{address_within, engine};
pub(crate) use server::{Container, ContainerOptions};
