//! A service on Underpin: notes come in over HTTP, an event goes out in the same transaction, a consumer counts them.
//!
//! Read it in this order: `settings`, `note`, `store`, `counter`, `http`, `bus`, `service`.

mod bus;
mod counter;
mod http;
mod note;
mod service;
mod settings;
mod store;

pub use counter::Counter;
pub use note::{Note, NoteAdded, NoteError};
pub use service::{Service, serve};
pub use settings::{HttpSettings, Settings};
