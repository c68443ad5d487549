//! An outside user of Underpin: publishes a greeting when a customer places a first order.
//!
//! The code takes traits (`Arc<dyn Database>`, `Arc<dyn EventPublisher>`, `Arc<dyn Logger>`), so its tests put mocks there where
//! they ask what happens, and the fakes (SQLite in memory, the bus in memory) where they ask whether it works.

mod greeter;
mod settings;

pub use greeter::{CustomerGreeted, Greeter, OrderPlaced};
pub use settings::{GreeterSettings, greeting};

#[cfg(test)]
mod tests;
