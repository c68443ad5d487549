//! Calls of `underpin-rpc` as a plugin, and its services as traffic.

mod open;
mod service;

pub use open::{OpenRpc, Rpc};
pub use service::RpcService;
