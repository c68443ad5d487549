//! Sessions: server-side state behind an id that only the client has.

mod id;
mod key_value_sessions;
mod sessions;
mod stored_session;
#[cfg(feature = "tower-sessions")]
mod tower_sessions;

pub use id::SessionId;
pub use key_value_sessions::KeyValueSessions;
pub use sessions::{Session, SessionLife, Sessions};
#[cfg(feature = "tower-sessions")]
pub use tower_sessions::TowerSessionStore;
