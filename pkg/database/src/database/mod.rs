//! The public traits, from SQL alone to the whole database.

mod connections;
mod control;
mod executor;
mod ext;
mod implementors;
mod retry;

pub use connections::Connections;
pub use control::PoolControl;
pub use executor::Executor;
pub use ext::DatabaseExt;

/// A database: SQL, transactions and sessions ([`Connections`]), and control of the pool behind them ([`PoolControl`]).
///
/// Implemented for whatever is both. Take an `Arc<dyn Database>` where a test puts a mock; it upcasts to
/// `Arc<dyn Connections>`, `Arc<dyn Executor>` and `Arc<dyn PoolControl>` for code that needs less. Take a
/// [`Pool`](crate::Pool) where entities run, since sea-orm's `ConnectionTrait` is not dyn-compatible.
pub trait Database: Connections + PoolControl {}

impl<D: Connections + PoolControl + ?Sized> Database for D {}

const _: fn(&dyn Database) = |_| ();
