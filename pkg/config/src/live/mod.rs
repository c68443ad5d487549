//! Settings that can be loaded again while the program runs.
//!
//! [`settings`] loads, reloads and publishes; [`shared`] is the state that its clones share; [`reader`] reads the current value
//! without a lock; [`changes`] wakes subscribers.

mod changes;
mod reader;
mod settings;
mod shared;

pub use self::changes::Changes;
pub use self::reader::{Current, Reader};
pub use self::settings::{Live, Reload};
