//! Each backend of objects passes the suite.

mod jetstream;
mod memory;
