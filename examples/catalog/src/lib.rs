//! Products over rpc and HTTP, kept by an ORM or by checked SQL, behind a cache of two levels.
//!
//! ```text
//!  HTTP  ─┐            ┌─► cache: memory ─► second level: memory, JetStream or Valkey ─┐
//!         ├─► Products ┤                                                               ├─► Storage: OrmStorage (SQLite, PostgreSQL)
//!  rpc   ─┘            └─► one transaction: row + audit entry + event ─────────────────┘            SqlStorage (PostgreSQL)
//!                                                          │
//!                                    invalidates again ◄───┘ after a crash
//! ```
//!
//! Read it in this order:
//! - [`build`]: the components of the service, in the order of their start
//! - [`Product`], [`Change`], [`PageQuery`], [`AuditEntry`]: the types
//! - [`Storage`] and its implementations [`OrmStorage`] and [`SqlStorage`]
//! - [`Products`]: the operations, with [`ProductCache`] in front of the reads
//! - [`rpc`] and `http`: the same operations for callers
//! - [`Settings`]

mod build;
mod cache;
mod event;
mod http;
mod product;
mod products;
pub mod rpc;
mod settings;
mod storage;

pub use build::build;
pub use cache::ProductCache;
pub use product::{Action, AuditEntry, Change, Found, Listing, Page, PageQuery, Product};
pub use products::Products;
pub use settings::{Settings, StorageKind};
pub use storage::{OrmStorage, SqlStorage, Storage, Updated, migrations};
