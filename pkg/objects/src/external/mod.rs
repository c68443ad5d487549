//! Objects in folders and in S3, through the crate `object_store`.

mod attributes;
mod failure;
#[cfg(feature = "folder")]
mod folder;
#[cfg(feature = "s3")]
mod http;
mod objects;
mod parts;
mod path;
mod put;
#[cfg(feature = "s3")]
mod s3;
#[cfg(feature = "s3")]
mod signature;
mod sweep;

pub use objects::ExternalObjects;
#[cfg(feature = "s3")]
pub use s3::S3Settings;
