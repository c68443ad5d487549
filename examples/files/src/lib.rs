//! Files over HTTP, in a folder, in JetStream or in S3; and the settings of users as JSON over rpc.
//!
//! ```text
//!  POST /files      ─► data ─► store ─┐
//!  POST /uploads    ─► signed link    ├─► a row: pending ─► ready ─► deleted
//!  PUT  link        ─► data ─► store ─┘          └── swept ──┘
//!  file.save, file.read ─► rpc, an answer
//!  file.archive         ─► rpc queue group, no answer
//! ```
//!
//! Read it in this order:
//! - [`build`]: the components of the service, in the order of their start
//! - `storage`: one trait over three backends
//! - `file`: the life of a file: its row, its data, signed links, and the sweeper
//! - `user_setting`: JSON files in a bucket that other programs watch
//! - `http`: all of it over HTTP, with ranges, and `openapi.json`
//! - [`Settings`]

mod build;
mod file;
mod http;
mod settings;
mod storage;
mod tables;
mod user_setting;

pub use build::build;
pub use settings::{Settings, UploadSettings};
