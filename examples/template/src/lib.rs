//! A service on Underpin: notes come in over HTTP, an event goes out in the same transaction, a consumer counts them.
//!
//! Read it in this order: `build`, `settings`, `note`, `store`, `counter`, `http`.

mod build;
mod counter;
mod http;
mod note;
mod settings;
mod store;

pub use build::build;
pub use counter::Counter;
pub use note::{Note, NoteAdded, NoteError};
pub use settings::Settings;
