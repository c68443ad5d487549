use std::borrow::Cow;

use serde::Serialize;
use uuid::Uuid;

/// Which service this is: in the log's first record, in `/info` and in `underpin_build_info`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Metadata {
    /// The name, such as `orders`.
    pub name: Cow<'static, str>,
    /// The version of the build.
    pub version: Cow<'static, str>,
    /// The commit of the build, if the build set `GIT_COMMIT`.
    pub commit: Option<Cow<'static, str>>,
    /// This process among its replicas, drawn at the start.
    pub instance: Uuid,
}

impl Metadata {
    /// Names a service. [`metadata!`](crate::metadata!) takes the values from the build.
    pub fn new(name: impl Into<Cow<'static, str>>, version: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), version: version.into(), commit: None, instance: Uuid::now_v7() }
    }

    /// The commit of the build.
    #[must_use]
    pub fn commit(mut self, commit: impl Into<Cow<'static, str>>) -> Self {
        self.commit = Some(commit.into());
        self
    }
}

/// The [`Metadata`] of the calling crate: its package name and version, and the commit if the variable `GIT_COMMIT` is set while it is built.
///
/// # Examples
/// ```
/// let metadata = underpin_service::metadata!();
/// assert_eq!(metadata.name, env!("CARGO_PKG_NAME"));
/// ```
#[macro_export]
macro_rules! metadata {
    () => {{
        let metadata = $crate::Metadata::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        match option_env!("GIT_COMMIT") {
            Some(commit) => metadata.commit(commit),
            None => metadata,
        }
    }};
}
