//! The relay and the sweeper of `underpin-outbox` as one part.

mod open;
mod part;

pub use open::{OpenOutbox, outbox};
