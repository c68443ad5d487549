//! Objects in JetStream, as the NATS object-store specification (ADR-20) lays them out.

mod chunk_stream;
mod chunks;
mod download;
mod open;
mod stream;
mod upload;

pub use open::JetStreamObjects;
