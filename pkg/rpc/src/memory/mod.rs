//! Calls in one process, without a server: the twin of [`nats`](crate::nats) for tests and for services that run as one.

mod bus;
mod registry;
mod running;

pub use bus::MemoryRpc;
