use std::future::Future;
use std::sync::Arc;

use underpin_errors::Error;

use crate::{Component, Opening};

/// What opening yields: a handle for the caller and a component for the runtime. They may differ: an outbox is what the handlers use,
/// its relay is what is stopped.
pub struct Opened<H> {
    /// For the caller.
    pub handle: H,
    /// For the runtime.
    pub component: Arc<dyn Component>,
}

impl<H> Opened<H> {
    /// A handle and its component.
    pub fn new(handle: H, component: impl Component) -> Self {
        Self { handle, component: Arc::new(component) }
    }
}

impl<H> std::fmt::Debug for Opened<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("component", &self.component.name()).finish_non_exhaustive()
    }
}

/// What [`Start::plugin`](crate::Start::plugin) and [`Start::part`](crate::Start::part) take.
///
/// Every [`Component`] that is `Clone` is one, with itself as the handle: a pool goes in and comes out. The trait is not dyn-compatible: its
/// future runs on the main thread, needs no box and no `Send`.
pub trait Plugin: Sized {
    /// What the caller gets.
    type Handle;

    /// Connects, migrates, or whatever has to be done before [`Component::start`].
    ///
    /// # Errors
    /// What keeps it from opening, with the setting to change. Close what was opened before.
    ///
    /// # Cancel safety
    /// Must be safe to drop.
    fn open(self, at: &Opening) -> impl Future<Output = Result<Opened<Self::Handle>, Error>>;
}

impl<C: Component + Clone> Plugin for C {
    type Handle = C;

    async fn open(self, _: &Opening) -> Result<Opened<C>, Error> {
        Ok(Opened::new(self.clone(), self))
    }
}
