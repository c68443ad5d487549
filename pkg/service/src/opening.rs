use std::sync::Arc;

use underpin_logger::Logger;

use crate::commands::Commands;
use crate::metrics_page::MetricsPage;
use crate::place::DataPlace;
use crate::readiness::Readiness;
use crate::{Gate, Metadata};

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
    #[cfg_attr(not(feature = "database"), allow(dead_code, reason = "set by a database"))]
    pub(crate) data: DataPlace,
    pub(crate) metrics: MetricsPage,
    pub(crate) readiness: Readiness,
    #[cfg(feature = "grpc")]
    pub(crate) reflected: crate::grpc::Reflected,
}

impl Opening {
    /// For tests of a [`Plugin`](crate::Plugin) outside of a service. The gate stays at `Starting`.
    pub fn new(log: Arc<dyn Logger>, metadata: Metadata) -> Self {
        Self {
            log,
            metadata,
            gate: Gate::new(),
            commands: Commands::default(),
            data: DataPlace::default(),
            command: None,
            metrics: MetricsPage::default(),
            readiness: Readiness::default(),
            #[cfg(feature = "grpc")]
            reflected: crate::grpc::Reflected::default(),
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
