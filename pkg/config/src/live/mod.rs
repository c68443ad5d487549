//! Settings that can be loaded again while the program runs.
//!
//! [`settings`] loads, reloads and publishes; [`changed`] lists the keys that a reload changed; [`shared`] is the state that its clones share; [`reader`] reads the current value
//! without a lock; [`changes`] wakes subscribers.

mod changed;
mod changes;
mod reader;
mod settings;
mod shared;

pub use self::changed::Changed;
pub use self::changes::Changes;
pub use self::reader::{Current, Reader};
pub use self::settings::{Live, Reload};
