//! Objects of any size as streams: in JetStream, in S3, in folders, and in memory for tests and services of one process.
//!
//! ```
//! use std::sync::Arc;
//! use underpin_objects::{BucketObjects, ObjectBucketSettings, ObjectExpect, ObjectName, Objects, ObjectsExt, PutObject};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_objects::StoreError> {
//! let files: Arc<dyn Objects> = Arc::new(BucketObjects::memory(ObjectBucketSettings::new("files"))?);
//! let name = ObjectName::new("reports/q4.pdf")?;
//! let options = PutObject::default().content_type("application/pdf").expect(ObjectExpect::Absent);
//! files.put(&name, "%PDF".into(), options.clone()).await?;
//! // There is one: the write is refused.
//! assert!(files.put(&name, "other".into(), options).await.unwrap_err().is_conflict());
//! assert_eq!(files.read_bytes("reports/q4.pdf", 1024).await?.unwrap(), "%PDF");
//! # Ok(()) }
//! ```
//!
//! * [`Objects`], [`ObjectsExt`]: conditional puts, ranges, time to live, lists by prefix, watches, sweeps.
//! * [`BucketObjects`]: the objects of a bucket, in memory or in JetStream. [`JetStreamObjects`] creates and verifies buckets.
//! * `ExternalObjects`: objects in S3 and in folders. [`Presign`]: URLs with which others read and write.
//! * [`conformance`]: the suite that every backend passes. [`testing`]: mocks.
//!
//! The metadata of a bucket is a key-value bucket of `underpin-store`, and so are the errors.

mod bucket;
mod bucket_settings;
#[cfg(feature = "conformance")]
pub mod conformance;
mod contract;
mod data;
mod digest;
mod ext;
#[cfg(any(feature = "folder", feature = "s3"))]
mod external;
mod info;
#[cfg(feature = "jetstream")]
mod jetstream;
mod memory;
mod meters;
mod name;
mod options;
mod presign;
mod reader;
mod settings;
mod spans;
#[cfg(feature = "testing")]
pub mod testing;
mod verify;
mod writer;

pub use bucket::BucketObjects;
pub use bucket_settings::ObjectBucketSettings;
pub use contract::{ObjectEvent, ObjectWatch, Objects};
pub use data::ObjectData;
pub use digest::ObjectDigest;
pub use ext::ObjectsExt;
#[cfg(any(feature = "folder", feature = "s3"))]
pub use external::ExternalObjects;
#[cfg(feature = "s3")]
pub use external::S3Settings;
pub use info::{ObjectInfo, ObjectPage, ObjectVersion, Swept};
#[cfg(feature = "jetstream")]
pub use jetstream::JetStreamObjects;
pub use meters::describe_metrics;
pub use name::ObjectName;
pub use options::{GetObject, ListObjects, ObjectExpect, PutObject, WatchObjects};
pub use presign::{Presign, PresignUpload, PresignedRequest};
pub use reader::ObjectReader;
pub use settings::ObjectsSettings;
/// In the signatures of this crate.
pub use underpin_store::{Storage, StoreError, StoreTopology, WatchStart};
pub use writer::ObjectWriter;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
