//! The key-value trait: what a backend supplies, and what everyone uses.

mod entry;
mod ext;
mod key;
mod key_value;
mod namespace;
mod options;
mod revision;
mod settings;
mod status;
mod stored_value;

pub use entry::{Entry, Operation};
pub use ext::KeyValueExt;
pub(crate) use key::hex;
pub use key::{AsKey, Key, KeyPattern};
pub use key_value::{KeyList, KeyValue, Watch, WatchEvent};
pub use namespace::Namespace;
pub use options::{Expect, Read, Removals, Ttl, Values, WatchOptions, WatchStart};
pub use revision::Revision;
pub use settings::{BucketSettings, Storage};
pub use status::BucketStatus;
pub use stored_value::{StoredValue, StoredValueExt};
