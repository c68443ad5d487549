//! A TCP proxy between a client and a server that injects network faults.

mod fault;
mod link;
mod listener;

pub use fault::{Direction, Fault};
pub use listener::Proxy;
