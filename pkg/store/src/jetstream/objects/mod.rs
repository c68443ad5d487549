//! Objects in JetStream, as the NATS object-store specification (ADR-20) lays them out.

mod chunks;
mod download;
pub(super) mod stream;
mod upload;

pub(super) use chunks::open;
