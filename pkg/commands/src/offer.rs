use std::sync::Arc;

use underpin_errors::{Error, Kind};

use crate::OperatorCommand;

/// A command that a component can run, and what keeps another process from running it.
#[derive(Clone)]
pub struct Offer {
    name: String,
    resource: Option<String>,
    offline: Vec<String>,
    runner: Runner,
}

#[derive(Clone)]
enum Runner {
    Here(Arc<dyn OperatorCommand>),
    Elsewhere { reason: String },
}

impl Offer {
    /// A command that any process can run, such as one on a database server.
    pub fn new(name: impl Into<String>, command: impl OperatorCommand) -> Self {
        Self::of(name.into(), Runner::Here(Arc::new(command)))
    }

    /// A command that this process cannot run, since another one holds the resource. The command line asks the service behind the admin
    /// listener, and refuses with the reason if there is none.
    pub fn elsewhere(
        name: impl Into<String>,
        resource: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self::of(name.into(), Runner::Elsewhere { reason: reason.into() }).resource(resource)
    }

    fn of(name: String, runner: Runner) -> Self {
        Self { name, resource: None, offline: Vec::new(), runner }
    }

    /// What the command works on, if a running service should do it: `"sqlite:/var/lib/orders.db"`, for example. The command line first
    /// asks the admin listener; the service that answers runs the command if it offers the same name and resource.
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Actions that a running service refuses, since they take away what it works on: `["down", "fresh"]`, for example.
    #[must_use]
    pub fn offline(mut self, actions: impl IntoIterator<Item: Into<String>>) -> Self {
        self.offline = actions.into_iter().map(Into::into).collect();
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the command works on, if a running service should do it.
    pub fn held(&self) -> Option<&str> {
        self.resource.as_deref()
    }

    /// Whether a running service refuses the action.
    pub fn is_offline(&self, action: &str) -> bool {
        self.offline.iter().any(|offline| offline == action)
    }

    /// The command.
    ///
    /// # Errors
    /// Why this process cannot run it.
    pub fn command(&self) -> Result<Arc<dyn OperatorCommand>, Error> {
        match &self.runner {
            Runner::Here(command) => Ok(Arc::clone(command)),
            Runner::Elsewhere { reason } => Err(Error::new(Kind::FailedPrecondition, reason.clone())),
        }
    }
}

impl std::fmt::Debug for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offer")
            .field("name", &self.name)
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}
