use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use underpin_logger::Context;

use crate::endpoint::Endpoint;
use crate::error::RpcError;
use crate::request::{Reply, Request};

/// An endpoint with the types of its question and its answer: a constant in a crate that caller and service share.
///
/// Both sides of a call name the same constant, so the compiler checks them against each other. Bodies are JSON.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use serde::{Deserialize, Serialize};
/// use underpin_rpc::Method;
///
/// #[derive(Serialize, Deserialize)]
/// pub struct Add { pub a: i64, pub b: i64 }
/// #[derive(Serialize, Deserialize)]
/// pub struct Sum { pub sum: i64 }
///
/// pub const ADD: Method<Add, Sum> = Method::new("math", "add").idempotent().within(Duration::from_secs(2));
/// /// The successor of `ADD`, which a service offers beside it until the last caller has moved.
/// pub const ADD_V2: Method<Vec<i64>, Sum> = Method::new("math", "add").version(2).idempotent();
///
/// assert_eq!((ADD.subject(), ADD_V2.subject()), ("math.add".into(), "math.add.v2".into()));
/// ```
pub struct Method<Q, A> {
    service: &'static str,
    name: &'static str,
    version: u16,
    subject: Option<&'static str>,
    idempotent: bool,
    within: Duration,
    types: PhantomData<fn(Q) -> A>,
}

impl<Q, A> Method<Q, A> {
    /// An endpoint of a service, with five seconds for a call.
    pub const fn new(service: &'static str, name: &'static str) -> Self {
        let within = Duration::from_secs(5);
        Self { service, name, version: 1, subject: None, idempotent: false, within, types: PhantomData }
    }

    /// Declares that a call does no harm when it happens twice: callers retry it after a lost connection.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Sets how long a call may take in all, retries included.
    #[must_use]
    pub const fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Sets the version of the types, from 1. From 2 on it is part of the subject, so that a service can offer both.
    #[must_use]
    pub const fn version(mut self, version: u16) -> Self {
        self.version = version;
        self
    }

    /// Sets the subject, for a service of another library.
    #[must_use]
    pub const fn at(mut self, subject: &'static str) -> Self {
        self.subject = Some(subject);
        self
    }

    /// The name of the service.
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// Whether callers may retry.
    pub const fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// How long a call may take.
    pub const fn timeout(&self) -> Duration {
        self.within
    }

    /// The name of the endpoint in discovery: `add`, and `add-v2` for the second version.
    pub fn endpoint_name(&self) -> Cow<'static, str> {
        match self.version {
            0 | 1 => self.name.into(),
            version => format!("{}-v{version}", self.name).into(),
        }
    }

    /// The subject: `math.add`, and `math.add.v2` for the second version.
    pub fn subject(&self) -> Cow<'static, str> {
        match (self.subject, self.version) {
            (Some(subject), _) => subject.into(),
            (None, 0 | 1) => format!("{}.{}", self.service, self.name).into(),
            (None, version) => format!("{}.{}.v{version}", self.service, self.name).into(),
        }
    }

    /// The endpoint.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::at(self.subject())
    }

    /// A request, to change before it is sent; [`CallerExt::ask`](crate::CallerExt::ask) builds and sends in one step.
    ///
    /// # Errors
    /// [`RpcError::Encode`] when the question does not encode.
    pub fn request(&self, ctx: &Context, question: &Q) -> Result<Request, RpcError>
    where
        Q: Serialize,
    {
        let body = serde_json::to_vec(question).map_err(|error| RpcError::Encode(error.into()))?;
        let request = Request::new(self.endpoint(), body, ctx).within(self.within);
        Ok(if self.idempotent { request.idempotent() } else { request })
    }

    /// Reads a reply.
    ///
    /// # Errors
    /// [`RpcError::Decode`] when the body is not the answer's type.
    pub fn answer(&self, reply: &Reply) -> Result<A, RpcError>
    where
        A: DeserializeOwned,
    {
        serde_json::from_slice(&reply.body).map_err(|error| RpcError::Decode(error.into()))
    }
}

// Not derived: a method is `Copy` whatever its types are.
impl<Q, A> Clone for Method<Q, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q, A> Copy for Method<Q, A> {}

impl<Q, A> fmt::Debug for Method<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Method")
            .field("subject", &self.subject())
            .field("idempotent", &self.idempotent)
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}
