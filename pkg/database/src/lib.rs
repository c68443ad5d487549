#![doc = include_str!("../README.md")]

mod backend;
mod connect;
mod database;
mod driver;
mod error;
mod escape;
#[cfg(feature = "postgres")]
mod leader;
mod line;
#[cfg(feature = "postgres")]
mod listen;
pub mod migrate;
mod orm;
mod pool;
mod session;
mod settings;
mod slow;
mod sql;
#[cfg(feature = "stream")]
mod stream;
#[cfg(feature = "testing")]
pub mod testing;
mod transaction;

pub use backend::Backend;
pub use connect::connect;
pub use database::{Database, DatabaseExt};
pub use error::{Condition, DatabaseError};
pub use escape::SqlxConnection;
#[cfg(feature = "postgres")]
pub use leader::LeaderLease;
#[cfg(feature = "postgres")]
pub use listen::{Listener, Signal};
pub use pool::{CloseOutcome, DatabaseHealth, Pool, PoolStats, WaitHistogram};
pub use session::Session;
pub use settings::{DatabaseSettings, RetrySettings, Route, TlsMode, TlsSettings, TraceComment};
pub use sql::sql;
pub use transaction::{Isolation, Transaction, TxOptions};

/// The sea-orm this crate is built on, so that nobody has to keep two versions in step.
pub use sea_orm;
/// The driver below, for what [`Pool::sqlx`] lends out.
pub use sqlx;
