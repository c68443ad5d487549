//! From sources to settings.
//!
//! [`loader`] knows which sources there are, and [`read`] reads them in their order. Each file of [`source`] turns one into a [`layer`]: a tree, the place of every key,
//! and the problems of the source. [`fit`] makes the keys of a layer agree with those below, [`merge`] lets figment make one
//! tree of all, which a [`snapshot`] keeps. [`decode`] turns it into a type and finds every problem, [`report`] writes the
//! [`issue`]s, [`explain`] the keys with their values.

mod decode;
mod differences;
mod error;
mod explain;
mod ext;
mod fit;
mod issue;
pub(crate) mod key;
mod layer;
pub(crate) mod loader;
pub(crate) mod lookup;
mod merge;
mod origin;
mod path;
pub(crate) mod profile;
mod read;
mod report;
mod snapshot;
pub(crate) mod source;
mod value;

pub(crate) use self::decode::secret_begins;
pub use self::error::ConfigError;
pub use self::explain::{Explanation, Line};
pub use self::ext::ConfigExt;
pub use self::issue::{Issue, IssueKind};
pub use self::loader::Loader;
pub use self::lookup::Config;
pub use self::origin::Origin;
pub use self::snapshot::Snapshot;
pub use self::source::dynamic::{Source, SourceError};
pub use self::value::{Table, Value};
