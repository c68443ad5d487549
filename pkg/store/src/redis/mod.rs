//! Key-value and rate limits in Redis or Valkey.
//!
//! A bucket keeps the last write of each key, and conditional writes are one script each. It has no watches and no longer history: a
//! bucket that asks for them is refused.

mod connection;
mod key_list;
mod key_value;
mod limiter;
mod scripts;
mod server_info;
mod settings;
mod store;

pub use connection::RedisConnection;
pub use key_value::RedisKeyValue;
pub use limiter::RedisRateLimiter;
pub use settings::RedisSettings;
pub use store::RedisStore;
