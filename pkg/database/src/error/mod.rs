//! What can go wrong, grouped by what a caller can do about it.

mod batch;
mod classify;
mod condition;
mod database_error;
mod db_err;
mod redacted;
mod result_ext;
mod sqlx_error;

pub(crate) use batch::batch_failed;
pub(crate) use classify::{Stage, is_refused_write, is_stale_plan, leaves_the_connection_unusable};
pub use condition::Condition;
pub use database_error::DatabaseError;
pub use result_ext::DbResultExt;
