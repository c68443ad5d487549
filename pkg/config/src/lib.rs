//! Layered configuration: typed by the target, every problem reported at once, secrets never printed.
//!
//! With `default-features = false` only the leaf types remain, for crates that define settings and leave the loading to
//! the service: [`Secret`], [`ByteSize`], the [`duration`] module and [`Validate`].

mod byte_size;
pub mod duration;
mod secret;
mod validate;

pub use byte_size::{ByteSize, ParseByteSizeError};
pub use secret::{REDACTED, Secret};
pub use validate::{Checks, FailedCheck, Validate};

#[cfg(feature = "loader")]
mod loading {
    pub use crate::config::{Config, ConfigExt};
    pub use crate::error::ConfigError;
    pub use crate::explain::{Explanation, Line};
    pub use crate::issue::{Issue, IssueKind};
    pub use crate::live::{Changes, Current, Live, Reader, Reload};
    pub use crate::loader::Loader;
    pub use crate::origin::Origin;
    pub use crate::snapshot::Snapshot;
    pub use crate::source::dynamic::{Source, SourceError};
    pub use crate::value::{Table, Value};
}
#[cfg(feature = "loader")]
pub use loading::*;

#[cfg(feature = "loader")]
mod config;
#[cfg(feature = "loader")]
mod decode;
#[cfg(feature = "loader")]
mod error;
#[cfg(feature = "loader")]
mod explain;
#[cfg(feature = "loader")]
mod fit;
#[cfg(feature = "loader")]
mod issue;
#[cfg(feature = "loader")]
mod key;
#[cfg(feature = "loader")]
mod layer;
#[cfg(feature = "loader")]
mod live;
#[cfg(feature = "loader")]
mod loader;
#[cfg(feature = "loader")]
mod merge;
#[cfg(feature = "loader")]
mod origin;
#[cfg(feature = "loader")]
mod path;
#[cfg(feature = "loader")]
mod profile;
#[cfg(feature = "loader")]
mod report;
#[cfg(feature = "loader")]
mod snapshot;
#[cfg(feature = "loader")]
mod source;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "watch")]
mod watch;
#[cfg(feature = "watch")]
pub use watch::{Watch, WatchError};
#[cfg(feature = "clap")]
mod clap;
#[cfg(feature = "schema")]
pub mod schema;
#[cfg(feature = "loader")]
mod value;
#[cfg(feature = "clap")]
pub use self::clap::ConfigArgs;
