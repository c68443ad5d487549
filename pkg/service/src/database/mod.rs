//! The pool of `underpin-database` as a plugin.

mod open;
mod pool;

pub use open::{OpenDatabase, database};
