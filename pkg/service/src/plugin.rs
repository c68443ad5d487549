use std::future::Future;
use std::sync::Arc;

use underpin_errors::Error;
use underpin_logger::Logger;

use crate::commands::Commands;
use crate::metrics_page::MetricsPage;
use crate::place::DataPlace;
use crate::{Component, Gate, Metadata};

/// What a component may use while it is opened or started.
#[derive(Clone)]
#[non_exhaustive]
pub struct Opening {
    /// The log of the service.
    pub log: Arc<dyn Logger>,
    /// Which service this is.
    pub metadata: Metadata,
    /// The state of the service.
    pub gate: Gate,
    /// Where it offers its operator commands.
    pub commands: Commands,
    /// The command that the components are opened for; none when the service is about to serve.
    pub(crate) command: Option<String>,
    /// Where the database is, once one was opened.
    pub(crate) data: DataPlace,
    pub(crate) metrics: MetricsPage,
}

impl Opening {
    /// For tests of a [`Plugin`] outside of a service. The gate stays at `Starting`.
    pub fn new(log: Arc<dyn Logger>, metadata: Metadata) -> Self {
        Self {
            log,
            metadata,
            gate: Gate::new(),
            commands: Commands::default(),
            data: DataPlace::default(),
            command: None,
            metrics: MetricsPage::default(),
        }
    }

    /// Opens for an operator command instead of for serving.
    #[must_use]
    pub fn for_command(mut self, name: impl Into<String>) -> Self {
        self.command = Some(name.into());
        self
    }

    /// Renders `GET /metrics` of the admin listener, in the text format of Prometheus. The first one counts. It runs on the thread of the
    /// admin listener.
    pub fn serve_metrics(&self, render: impl Fn() -> String + Send + Sync + 'static) {
        self.metrics.set(render);
    }

    /// Whether the service will serve. For a command a plugin changes nothing by itself: it migrates nothing and starts no work.
    pub fn is_serving(&self) -> bool {
        self.command.is_none()
    }

    /// Whether the components are opened for this command. A plugin of no use for the wanted command may open a stand-in.
    pub fn wants(&self, command: &str) -> bool {
        self.command.as_deref() == Some(command)
    }
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening").field("metadata", &self.metadata).finish_non_exhaustive()
    }
}

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
    /// What keeps it from opening, with the setting to change. Nothing may stay behind.
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
