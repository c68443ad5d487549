//! One connection for several statements, shared by the handles that use it: [`Session`] and the transactions on it.
//!
//! `inner` guards the connection and sends statements on it, `transactions` begins and ends transactions, `state` is what is
//! known meanwhile. `Drop` sends no statement: a transaction that is dropped unfinished is noted, and rolled back before the
//! next statement, or by the pool when the connection comes back.

mod handle;
mod inner;
mod state;
mod transactions;

pub use handle::Session;
pub(crate) use inner::SessionInner;
pub(crate) use state::TxId;
