#![allow(
    clippy::future_not_send,
    reason = "driven by block_on on the main thread, so that nothing of an adopter's closure needs to be Send"
)]

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use underpin_errors::{Error, HealthCheck, HealthChecks};
use underpin_logger::Logger;

use crate::commands::{Offer, OperatorCommand};
use crate::reload::Subscribers;
use crate::supervise::Supervised;
use crate::{Component, Gate, Metadata, OnEnd, Opened, Opening, Plugin, Spawner, Stop};

/// A hook runs once, on the main thread: no `Send`.
pub(crate) type Hook = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>>>;

/// What the closure of [`run`](crate::run) fills: the components of the service, in three stages.
///
/// | stage | examples | started | stopped |
/// |---|---|---|---|
/// | [`plugin`](Self::plugin) | pool, bus, cache | first, in order | last, reversed |
/// | [`part`](Self::part) | relay, sweepers | in order, with the plugins | after traffic, reversed |
/// | [`traffic`](Self::traffic) | HTTP, gRPC, consumers, workers | when every required check is up | first, all at once |
///
/// A component takes what it needs as arguments, so the order of construction is the dependency graph.
pub struct Start<S> {
    pub(crate) settings: Arc<S>,
    pub(crate) opening: Opening,
    pub(crate) gate: Gate,
    pub(crate) spawner: Spawner,
    pub(crate) plugins: Vec<Arc<dyn Component>>,
    pub(crate) parts: Vec<Arc<dyn Component>>,
    pub(crate) traffic: Vec<Arc<dyn Component>>,
    pub(crate) checks: HealthChecks,
    pub(crate) tasks: Vec<Supervised>,
    pub(crate) hooks: Hooks,
    pub(crate) subscribers: Subscribers<S>,
}

/// The hooks, by the moment at which they run.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) ready: Vec<Hook>,
    pub(crate) drain: Vec<Hook>,
    pub(crate) stopped: Vec<Hook>,
}

impl<S> std::fmt::Debug for Start<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = |components: &[Arc<dyn Component>]| -> Vec<String> {
            components.iter().map(|component| component.name().to_owned()).collect()
        };
        f.debug_struct("Start")
            .field("plugins", &names(&self.plugins))
            .field("parts", &names(&self.parts))
            .field("traffic", &names(&self.traffic))
            .finish_non_exhaustive()
    }
}

impl<S> Start<S> {
    pub(crate) fn new(settings: Arc<S>, mut opening: Opening, gate: Gate) -> Self {
        opening.gate = gate.clone();
        let spawner = Spawner::new(Arc::clone(&opening.log));
        Self {
            settings,
            opening,
            gate,
            spawner,
            plugins: Vec::new(),
            parts: Vec::new(),
            traffic: Vec::new(),
            checks: HealthChecks::new(),
            tasks: Vec::new(),
            hooks: Hooks::default(),
            subscribers: Subscribers::default(),
        }
    }

    /// The settings, shared: a borrow would not outlive the next call of [`plugin`](Self::plugin).
    pub fn settings(&self) -> Arc<S> {
        Arc::clone(&self.settings)
    }

    /// The log.
    pub fn log(&self) -> Arc<dyn Logger> {
        Arc::clone(&self.opening.log)
    }

    /// Which service this is.
    pub fn metadata(&self) -> &Metadata {
        &self.opening.metadata
    }

    /// The state of the service, for servers and handlers.
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// For work that goes on after a response.
    pub fn spawner(&self) -> Spawner {
        self.spawner.clone()
    }

    /// Opens and starts what others stand on. Its health is required for readiness.
    ///
    /// For an operator command the closure goes no further than to the component that offers it.
    ///
    /// # Errors
    /// What opening or starting failed with. Return it: the service then stops what was started.
    ///
    /// # Cancel safety
    /// Safe: what was opened is stopped.
    pub async fn plugin<P: Plugin>(&mut self, plugin: P) -> Result<P::Handle, Error> {
        let Opened { handle, component } = Box::pin(plugin.open(&self.opening)).await?;
        self.plugins.push(Arc::clone(&component));
        self.begin(component).await?;
        self.unless_found().await;
        Ok(handle)
    }

    /// Opens and starts what works in the background. It is stopped after the traffic and before the plugins. For an operator command it is
    /// opened and not started.
    ///
    /// # Errors
    /// What opening or starting failed with.
    ///
    /// # Cancel safety
    /// Safe: what was opened is stopped.
    pub async fn part<P: Plugin>(&mut self, part: P) -> Result<P::Handle, Error> {
        let Opened { handle, component } = Box::pin(part.open(&self.opening)).await?;
        self.parts.push(Arc::clone(&component));
        if self.opening.is_serving() {
            self.begin(component).await?;
        }
        self.unless_found().await;
        Ok(handle)
    }

    /// Adds what brings work in. It is started once the closure has returned and every required check is up.
    ///
    /// The handle is for whoever asks it something later, such as its address.
    pub fn traffic<C: Component>(&mut self, component: C) -> Arc<C> {
        let component = Arc::new(component);
        component.attach(&self.opening);
        self.traffic.push(Arc::clone(&component) as Arc<dyn Component>);
        component
    }

    /// The first address of the traffic component of this name, once it has started.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        let named = self.traffic.iter().filter(|component| component.name() == name);
        named.flat_map(Component::addresses).next()
    }

    /// The service is not ready while this check is down, and takes no traffic before it was up.
    pub fn require(&mut self, check: Arc<dyn HealthCheck>) {
        self.checks = std::mem::take(&mut self.checks).with(check);
    }

    /// While this check is down the service is degraded and ready.
    pub fn observe(&mut self, check: Arc<dyn HealthCheck>) {
        self.checks = std::mem::take(&mut self.checks).with_optional(check);
    }

    /// Spawns a task that the service owns, once everything is up. It ends when [`Stop`] asks; any earlier end is treated as declared.
    pub fn supervise<F, Fut>(&mut self, name: &'static str, on_end: OnEnd, task: F)
    where
        F: Fn(Stop) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Error>> + Send + 'static,
    {
        self.tasks.push(Supervised { name, on_end, make: Arc::new(move |stop| Box::pin(task(stop))) });
    }

    /// Offers an operator command of the service, which [`Service::command`](crate::Service::command) declares.
    pub fn command(&self, name: impl Into<String>, command: impl OperatorCommand) {
        self.opening.commands.offer(Offer::new(name, command));
    }

    /// Calls the closure with the new settings whenever they change: on SIGHUP, and with the feature `watch` when a file changes. They are
    /// valid. It runs on a thread beside the runtime and should return soon; what a component cannot change is left until the next start.
    /// The log level follows by itself.
    pub fn on_reload(&mut self, subscriber: impl Fn(&S) + Send + Sync + 'static) {
        self.subscribers.add(subscriber);
    }

    /// gRPC services with `grpc.health.v1`, which follows the checks of all components and says `NOT_SERVING` as soon as readiness goes off.
    /// Of the settings it takes the request timeout and the number of calls in flight.
    ///
    /// # Examples
    /// ```
    /// # use underpin_service::{Http, HttpSettings, Start};
    /// # fn build(start: &mut Start<HttpSettings>) -> Result<(), underpin_errors::Error> {
    /// let settings = start.settings();
    /// let grpc = start.grpc(&settings); // .add(GreeterServer::new(greeter))
    /// start.traffic(Http::new(&settings, grpc.into_routes()));
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "grpc")]
    pub fn grpc(&self, settings: &underpin_http::HttpSettings) -> crate::grpc::Grpc {
        let checks = crate::grpc::whole(self.opening.readiness.clone());
        crate::grpc::Grpc::new(settings, self.log()).health(self.gate(), checks)
    }

    /// Shows the gRPC services of an encoded `FileDescriptorSet` to tools such as grpcurl: by reflection, on the admin listener only.
    ///
    /// # Errors
    /// The descriptors cannot be decoded.
    ///
    /// # Examples
    /// ```
    /// # use underpin_service::Start;
    /// # fn build(start: &mut Start<()>) -> Result<(), underpin_errors::Error> {
    /// # mod proto { pub(crate) const FILE_DESCRIPTOR_SET: &[u8] = &[]; }
    /// start.serve_reflection(proto::FILE_DESCRIPTOR_SET)?; // tonic::include_file_descriptor_set!("greeter")
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "grpc")]
    pub fn serve_reflection(&self, descriptors: &'static [u8]) -> Result<(), Error> {
        self.opening.reflected.add(descriptors, self.log())
    }

    /// See [`Opening::serve_metrics`].
    pub fn serve_metrics(&self, render: impl Fn() -> String + Send + Sync + 'static) {
        self.opening.serve_metrics(render);
    }

    /// Runs once traffic is served.
    pub fn on_ready(&mut self, run: impl AsyncFnOnce() + 'static) {
        self.hooks.ready.push(hook(run));
    }

    /// Runs when readiness has gone off, before the grace: to leave a registry, for example.
    pub fn on_drain(&mut self, run: impl AsyncFnOnce() + 'static) {
        self.hooks.drain.push(hook(run));
    }

    /// Runs when every component has stopped, before the log is flushed.
    pub fn on_stopped(&mut self, run: impl AsyncFnOnce() + 'static) {
        self.hooks.stopped.push(hook(run));
    }

    /// Never returns once the command is offered that the components are opened for: whoever waits for it drops the rest of the closure.
    async fn unless_found(&self) {
        if let Some(command) = &self.opening.command
            && self.opening.commands.find(command).is_some()
        {
            std::future::pending::<()>().await;
        }
    }

    /// Adds the health of a component to the checks.
    pub(crate) fn check(&mut self, component: &dyn Component) {
        match component.health() {
            Some(check) if component.is_required() => self.require(check),
            Some(check) => self.observe(check),
            None => {}
        }
    }

    async fn begin(&mut self, component: Arc<dyn Component>) -> Result<(), Error> {
        self.check(&*component);
        component.start().await.map_err(|error| error.context(format!("start {}", component.name())))
    }
}

fn hook(run: impl AsyncFnOnce() + 'static) -> Hook {
    Box::new(move || Box::pin(async move { run().await }))
}
