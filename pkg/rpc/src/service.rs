use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tower_layer::Layer;
use tower_service::Service as TowerService;
use underpin_errors::{BoxError, Error};

use crate::call::Call;
use crate::endpoint::Endpoint;
use crate::error::RpcError;
use crate::group::Group;
use crate::handler::Handler;
use crate::layer::adapter::{HandlerService, handler_of};
use crate::method::Method;
use crate::names;
use crate::request::Reply;
use crate::typed::{typed, typed_with};

/// A service: its name, its version and its endpoints. [`Host::serve`](crate::Host::serve) starts an instance.
///
/// `limit`, `queue`, `timeout`, `group`, `subject`, `endpoint_metadata` and `layer` apply to the endpoint added last.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_errors::Error;
/// use underpin_rpc::{Call, Group, Method, Service};
///
/// const DOUBLE: Method<u32, u32> = Method::new("math", "double");
///
/// async fn double(n: u32, _: Call) -> Result<u32, Error> {
///     Ok(n * 2)
/// }
///
/// let service = Service::new("math", "1.4.0")
///     .description("arithmetic")
///     .on(&DOUBLE, double).limit(64).queue(256).timeout(Duration::from_secs(2));
/// assert_eq!(service.subjects().collect::<Vec<_>>(), ["math.double"]);
/// ```
#[derive(Clone)]
pub struct Service {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: String,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) endpoints: Vec<EndpointSpec>,
    /// The first mistake of the builder, which `serve` reports.
    mistake: Option<String>,
}

/// An endpoint of a service, as it was declared.
#[derive(Clone)]
pub(crate) struct EndpointSpec {
    pub(crate) name: String,
    pub(crate) endpoint: Endpoint,
    pub(crate) group: Group,
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) limit: usize,
    pub(crate) queue: usize,
    pub(crate) timeout: Duration,
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Service {
    /// A service without endpoints. The version is a semantic version; the name has letters, digits, `-` and `_`.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            description: String::new(),
            metadata: BTreeMap::new(),
            endpoints: Vec::new(),
            mistake: None,
        }
    }

    /// Sets the text that discovery shows.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Adds an entry to the metadata that discovery shows.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Adds an endpoint on `<service>.<name>`: 64 calls at once, 256 that wait, and 60 s for a call whose caller names no deadline.
    #[must_use]
    pub fn endpoint(mut self, name: impl Into<String>, handler: Arc<dyn Handler>) -> Self {
        let name = name.into();
        self.endpoints.push(EndpointSpec {
            endpoint: Endpoint::new(&self.name, &name),
            name,
            group: Group::default(),
            handler,
            limit: 64,
            queue: 256,
            timeout: Call::DEFAULT_WITHIN,
            metadata: BTreeMap::new(),
        });
        self
    }

    /// Adds the endpoint of a method, with an async function that takes its question and returns its answer.
    #[must_use]
    pub fn on<Q, A, F, Fut>(self, method: &Method<Q, A>, handle: F) -> Self
    where
        Q: DeserializeOwned + Send + 'static,
        A: Serialize + 'static,
        F: Fn(Q, Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<A, Error>> + Send + 'static,
    {
        self.method(method, typed(handle))
    }

    /// [`on`](Self::on) with state as the first argument of the function.
    #[must_use]
    pub fn on_with<S, Q, A, F, Fut>(self, method: &Method<Q, A>, state: S, handle: F) -> Self
    where
        S: Clone + Send + Sync + 'static,
        Q: DeserializeOwned + Send + 'static,
        A: Serialize + 'static,
        F: Fn(S, Q, Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<A, Error>> + Send + 'static,
    {
        self.method(method, typed_with(state, handle))
    }

    /// Adds the endpoint of a method with any handler.
    #[must_use]
    pub fn method<Q, A>(mut self, method: &Method<Q, A>, handler: Arc<dyn Handler>) -> Self {
        if method.service() != self.name {
            self.mistaken(format!("{} is no method of service `{}`", method.subject(), self.name));
        }
        self.endpoint(method.endpoint_name(), handler).subject(method.subject())
    }

    /// Sets the subject of the endpoint added last. Without wildcards.
    #[must_use]
    pub fn subject(self, subject: impl Into<String>) -> Self {
        self.last("subject", |spec| spec.endpoint = Endpoint::at(subject.into()))
    }

    /// Sets the queue group of the endpoint added last.
    #[must_use]
    pub fn group(self, group: Group) -> Self {
        self.last("group", |endpoint| endpoint.group = group)
    }

    /// Sets how many calls of the endpoint added last run at once, from 1.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        self.last("limit", |endpoint| endpoint.limit = limit)
    }

    /// Sets how many calls of the endpoint added last wait when its limit is reached. Calls beyond are refused at once with
    /// [`Kind::ResourceExhausted`](underpin_errors::Kind::ResourceExhausted). Zero refuses whatever cannot run at once.
    #[must_use]
    pub fn queue(self, queue: usize) -> Self {
        self.last("queue", |endpoint| endpoint.queue = queue)
    }

    /// Sets how long a call of the endpoint added last may take at most, whatever its caller allows.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.last("timeout", |endpoint| endpoint.timeout = timeout)
    }

    /// Adds an entry to the metadata of the endpoint added last.
    #[must_use]
    pub fn endpoint_metadata(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.last("endpoint_metadata", |endpoint| drop(endpoint.metadata.insert(key.into(), value.into())))
    }

    /// Wraps the endpoint added last into a tower layer, a whole `ServiceBuilder` included. The layer added last runs first.
    #[must_use]
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<HandlerService>,
        L::Service: TowerService<Call, Response = Reply> + Clone + Send + Sync + 'static,
        <L::Service as TowerService<Call>>::Error: Into<BoxError>,
        <L::Service as TowerService<Call>>::Future: Send,
    {
        self.last("layer", |endpoint| endpoint.wrap(&layer))
    }

    /// Wraps every endpoint added so far into a tower layer.
    #[must_use]
    pub fn layer_all<L>(mut self, layer: L) -> Self
    where
        L: Layer<HandlerService>,
        L::Service: TowerService<Call, Response = Reply> + Clone + Send + Sync + 'static,
        <L::Service as TowerService<Call>>::Error: Into<BoxError>,
        <L::Service as TowerService<Call>>::Future: Send,
    {
        if self.endpoints.is_empty() {
            self.mistaken("`layer_all` comes after the endpoints that it wraps".to_owned());
        }
        for endpoint in &mut self.endpoints {
            endpoint.wrap(&layer);
        }
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The subjects of its endpoints.
    pub fn subjects(&self) -> impl Iterator<Item = &str> {
        self.endpoints.iter().map(EndpointSpec::subject)
    }

    /// Checks names, version, subjects and limits, as [`Host::serve`](crate::Host::serve) does.
    ///
    /// # Errors
    /// [`RpcError::Invalid`] tells the first mistake.
    pub fn check(&self) -> Result<(), RpcError> {
        if let Some(mistake) = &self.mistake {
            return Err(RpcError::invalid(mistake.clone()));
        }
        names::check_name("service name", &self.name)?;
        names::check_version(&self.version)?;
        if self.endpoints.is_empty() {
            return Err(RpcError::invalid("a service needs at least one endpoint"));
        }
        let mut known = HashSet::new();
        for endpoint in &self.endpoints {
            names::check_name("endpoint name", &endpoint.name)?;
            names::check_subject(endpoint.subject())?;
            if let Some(group) = endpoint.group.name() {
                names::check_name("queue group", group)?;
            }
            if endpoint.limit == 0 || endpoint.timeout.is_zero() {
                return Err(RpcError::invalid(format!(
                    "endpoint `{}` needs a limit and a timeout above zero",
                    endpoint.name
                )));
            }
            if !known.insert(&endpoint.name) {
                return Err(RpcError::invalid(format!("endpoint `{}` is declared twice", endpoint.name)));
            }
        }
        Ok(())
    }

    fn last(mut self, what: &str, change: impl FnOnce(&mut EndpointSpec)) -> Self {
        match self.endpoints.last_mut() {
            Some(endpoint) => change(endpoint),
            None => self.mistaken(format!("`{what}` comes after the endpoint that it is for")),
        }
        self
    }

    fn mistaken(&mut self, mistake: String) {
        self.mistake.get_or_insert(mistake);
    }
}

impl EndpointSpec {
    pub(crate) fn subject(&self) -> &str {
        self.endpoint.subject()
    }

    fn wrap<L>(&mut self, layer: &L)
    where
        L: Layer<HandlerService>,
        L::Service: TowerService<Call, Response = Reply> + Clone + Send + Sync + 'static,
        <L::Service as TowerService<Call>>::Error: Into<BoxError>,
        <L::Service as TowerService<Call>>::Future: Send,
    {
        self.handler = handler_of(layer.layer(HandlerService::new(Arc::clone(&self.handler))));
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .field("version", &self.version)
            .field("subjects", &self.subjects().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
