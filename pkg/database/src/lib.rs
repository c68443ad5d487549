//! sea-orm on a connection pool with one round trip a query, transactions whose COMMIT result can be trusted, and a bounded
//! reaction to a PostgreSQL that dies.
//!
//! For services that talk to PostgreSQL, or to SQLite where there is no server. Entities, queries and loaders of sea-orm run
//! unchanged, since [`Pool`], [`Session`] and [`Transaction`] implement its `ConnectionTrait`; hand-written SQL goes through
//! [`sql`]. What lies below is sqlx's driver; the pool, the transactions, the health and the errors are ours.
//!
//! ```
//! use std::sync::Arc;
//! use underpin_database::{DatabaseError, DatabaseExt, DatabaseSettings, Executor, TxOptions, connect, sql};
//! use underpin_logger::NoopLogger;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), DatabaseError> {
//! let settings = DatabaseSettings::new("sqlite::memory:"); // or postgres://app:secret@db/orders
//! let pool = connect(&settings, Arc::new(NoopLogger)).await?;
//! pool.batch("CREATE TABLE account (id INTEGER PRIMARY KEY, balance BIGINT); INSERT INTO account VALUES (1, 100)").await?;
//!
//! // Runs the whole closure again on a conflict, also when it surfaces at COMMIT.
//! pool.transaction(TxOptions::serializable(), |tx| async move {
//!     tx.execute(sql("UPDATE account SET balance = balance - $1 WHERE id = 1", [30.into()])).await?;
//!     Ok::<_, DatabaseError>(())
//! })
//! .await?;
//!
//! let row = pool.query_one(sql("SELECT balance FROM account WHERE id = 1", [])).await?.expect("it is there");
//! assert_eq!(row.try_get_by_index::<i64>(0)?, 70);
//! # Ok(()) }
//! ```
//!
//! # The parts, in the order in which a service meets them
//!
//! * [`DatabaseSettings`] configure the pool; [`connect`] retries what may pass (refused, starting up, no room) and fails at
//!   once otherwise (a wrong password).
//! * [`Pool`] lends connections in the order of asking, with a deadline; [`Pool::with`] attaches a context for the slow-query
//!   log. [`Session`] is one connection for a unit of work.
//! * [`Executor`] (SQL), [`Connections`] (transactions, sessions) and [`PoolControl`] (health, close) are the traits;
//!   [`Database`] is all of them, for an `Arc<dyn Database>`.
//! * `Transaction::sqlx` (feature `sqlx-queries`) runs sqlx's own queries in a transaction, those of `query!` included.
//! * [`Transaction`] is rolled back when dropped. [`DatabaseExt::transaction`] runs a closure again after a conflict, and never
//!   after a COMMIT whose outcome is unknown. [`TxOptions`] set isolation, access and retries.
//! * [`InTransaction`] is the parameter of functions whose writes must commit with those of their caller.
//! * [`DatabaseError`] has a [`Condition`], which says what can be done; [`DbResultExt`] classifies errors of sea-orm.
//! * [`FindByKey`] finds a row of an entity by its key, with SQL that is built once.
//! * [`migrate`] runs migrations under a lock, each in a transaction with the note that it ran.
//! * [`DatabaseHealth`], [`PoolStats`] and [`CloseOutcome`] report the state, the counters and the end of a pool.
//! * [`Pool::listen`] and [`Pool::try_lead`] (PostgreSQL): notifications with a signal when one may be missing, and leader
//!   election.
//! * [`wake`]: how a task that polls a table learns that it holds work.
//! * `testing` (feature of that name): a mock, and a transaction that is rolled back after each test.
//!
//! # Guarantees
//!
//! A cancelled future leaves no permit taken and no transaction open. No setting, error, log line or handle shows a password. No
//! statement is repeated that may have taken effect. Session state does not reach the next borrower of a connection, as far as
//! the text of a statement shows it.
#![cfg_attr(
    not(feature = "postgres"),
    allow(rustdoc::broken_intra_doc_links, reason = "the story links to what some features leave out")
)]

mod backend;
mod by_key;
mod connect;
mod database;
mod driver;
mod error;
mod escape;
mod in_transaction;
#[cfg(feature = "postgres")]
mod leader;
#[cfg(feature = "postgres")]
mod listen;
mod literals;
pub mod migrate;
mod orm;
mod pool;
mod session;
mod settings;
mod slow_query;
mod spans;
mod sql;
mod sql_tokens;
#[cfg(feature = "sqlx-queries")]
mod sqlx_queries;
#[cfg(feature = "stream")]
mod stream;
#[cfg(feature = "testing")]
pub mod testing;
mod transaction;
pub mod wake;

pub use backend::Backend;
pub use by_key::FindByKey;
pub use connect::connect;
pub use database::{Connections, Database, DatabaseExt, Executor, PoolControl};
pub use error::{Condition, DatabaseError, DbResultExt};
pub use escape::SqlxConnection;
pub use in_transaction::InTransaction;
#[cfg(feature = "postgres")]
pub use leader::LeaderLease;
#[cfg(feature = "postgres")]
pub use listen::{Listener, Signal};
pub use pool::{CloseOutcome, DatabaseHealth, Pool, PoolStats, WaitHistogram};
pub use session::Session;
pub use settings::{DatabaseSettings, PoolingMode, RetrySettings, TlsMode, TlsSettings, TraceComment};
pub use sql::sql;
#[cfg(feature = "sqlx-queries")]
pub use sqlx_queries::{SqlxBackend, SqlxExecutor};
pub use transaction::{Isolation, Transaction, TxOptions};

/// The sea-orm this crate is built on, so that callers need not keep two versions in step.
pub use sea_orm;
/// The driver below, for what [`Pool::sqlx`] lends out.
pub use sqlx;

#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;
