//! Objects over a key-value bucket of metadata and a store of chunks.

mod chunks;
mod download;
mod id;
mod inner;
mod metadata;
mod objects;
mod scan;
mod transfer;
mod upload;
mod watch;

pub(crate) use chunks::{ChunkSource, ChunkUpload, Chunks, StoredChunks};
pub use objects::BucketObjects;
