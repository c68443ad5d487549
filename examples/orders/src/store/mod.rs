//! The tables and queries.

mod cursor;
mod migrations;
pub(crate) mod orders;
pub(crate) mod stats;
mod tables;

pub(crate) use cursor::Cursor;
pub(crate) use migrations::migrations;
