//! Calls and services over NATS, with the protocol of NATS micro (ADR-32 of the NATS architecture repository).

mod caller;
mod discovery;
mod failure;
mod host;
mod reader;
mod readiness;
mod responder;
mod rpc;
mod running;
mod wire;

pub use rpc::NatsRpc;
