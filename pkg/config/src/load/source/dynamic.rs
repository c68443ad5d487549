//! Sources of the application, such as a secret store over HTTP.

use std::sync::Arc;

use async_trait::async_trait;

use crate::load::key;
use crate::load::layer::Layer;
use crate::{Issue, IssueKind, Origin, Secret};

/// An asynchronous source: a secret store, a parameter service.
///
/// Its precedence is that of a secrets directory: above the files, below `.env`, the environment and overrides. Its values are untyped
/// text, a key has at most 64 segments, and [`explain`](crate::Snapshot::explain) masks all of them. Of two sources the later one counts.
///
/// # Examples
/// A source for a store that answers over HTTP is in `examples/http_source.rs` of this crate.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// The name of the source in messages and in `explain`.
    fn name(&self) -> &str;

    /// Fetches every key of the source, dotted, with its text.
    ///
    /// Called once per load or reload, for one source after the other, and never twice at a time. The loader does not retry: a source
    /// that wants another attempt or a deadline brings its own.
    ///
    /// # Errors
    /// When the source cannot answer. The message is printed to people: it must not hold a value.
    ///
    /// # Cancel safety
    /// The loader keeps nothing of a fetch that is dropped.
    async fn fetch(&self) -> Result<Vec<(String, Secret<String>)>, SourceError>;
}

const _: fn(&dyn Source) = |_| ();

/// Why a source cannot answer. The message is printed to people: it must not hold a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(String);

impl SourceError {
    /// An error with a message such as "connection refused" or "status 403".
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

type Pairs = Arc<[(String, Secret<String>)]>;

/// The answer of a source, kept for reloads that do not fetch again.
#[derive(Clone)]
pub(crate) struct Fetched {
    name: Arc<str>,
    answer: Result<Pairs, SourceError>,
}

impl Fetched {
    pub(crate) async fn from(source: &dyn Source) -> Self {
        Self { name: source.name().into(), answer: source.fetch().await.map(Arc::from) }
    }

    pub(crate) fn layer(&self) -> Layer {
        match &self.answer {
            Ok(pairs) => {
                let mut layer = Layer::text();
                for (key, text) in pairs.iter() {
                    let path: Vec<String> = key::segments(key).map(str::to_lowercase).collect();
                    if path.is_empty() || path.iter().any(String::is_empty) {
                        let message = format!("source {} has a key with an empty part", self.name);
                        layer.issues.push(Issue::new(IssueKind::Syntax, "", message));
                    } else {
                        layer.set_text(&path, text.expose(), Origin::Source { name: Arc::clone(&self.name) });
                    }
                }
                layer
            }
            Err(error) => {
                let message = format!("source {} cannot be read: {error}", self.name);
                Layer::broken(vec![Issue::new(IssueKind::Unreadable, "", message)])
            }
        }
    }
}

/// The layer of an asynchronous source in a synchronous load.
pub(crate) fn unasked(source: &dyn Source) -> Layer {
    let message =
        format!("source {} has to be awaited: load it with `load_async` or `snapshot_async`", source.name());
    Layer::broken(vec![Issue::new(IssueKind::Unreadable, "", message)])
}
