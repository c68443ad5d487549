//! The only place that calls sqlx: how to open a connection, and the few things done with one.

mod call;
mod connection;
mod identity;
#[cfg(feature = "postgres")]
mod postgres;
mod query;
mod rows;
#[cfg(feature = "sqlite")]
mod sqlite;
mod target;

#[cfg(not(any(feature = "postgres", feature = "sqlite")))]
compile_error!("underpin-database needs at least one of the features `postgres` and `sqlite`");

pub(crate) use call::Call;
#[cfg(feature = "sqlx-queries")]
pub(crate) use call::check_text;
pub(crate) use connection::Connection;
pub(crate) use identity::Identity;
pub(crate) use query::{AllRows, Changes, FirstRow, Query};
#[cfg(feature = "sqlx-queries")]
pub(crate) use rows::Checked;
pub(crate) use target::Target;
