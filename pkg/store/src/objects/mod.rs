//! The object trait, and its implementation over the metadata and chunks of a bucket.

mod bucket;
mod contract;
mod data;
mod digest;
mod ext;
mod info;
mod name;
mod options;
mod presign;
mod reader;
mod settings;
mod verify;
mod writer;

pub use bucket::BucketObjects;
pub(crate) use bucket::{ChunkSource, ChunkUpload, Chunks, StoredChunks};
pub use contract::{ObjectEvent, ObjectWatch, Objects};
pub use data::ObjectData;
pub use digest::ObjectDigest;
pub use ext::ObjectsExt;
pub use info::{ObjectInfo, ObjectPage, ObjectVersion, Swept};
pub use name::ObjectName;
pub use options::{GetObject, ListObjects, ObjectExpect, PutObject, WatchObjects};
pub use presign::{Presign, PresignUpload, PresignedRequest};
pub use reader::ObjectReader;
pub(crate) use settings::GRACE;
pub use settings::ObjectBucketSettings;
pub(crate) use verify::Verify;
pub use writer::ObjectWriter;
