//! Calls and services over NATS, with the protocol of NATS micro (ADR-32 of the NATS architecture repository).

mod caller;
mod denial_watcher;
mod discovery;
mod failure;
mod host;
mod responder;
mod rpc;
mod running;
mod subscription;
mod wire;

pub use rpc::NatsRpc;
