//! Each backend of objects passes the suite.

mod folder;
mod jetstream;
mod memory;
mod s3;
