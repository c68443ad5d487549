use std::time::Duration;

use bytes::Bytes;
use underpin_logger::Context;

use crate::endpoint::Endpoint;
use crate::headers::Headers;
use crate::identity::Identity;

/// A request, as a [`Caller`](crate::Caller) sends it. [`Method::request`](crate::Method::request) makes a typed one.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_logger::Context;
/// use underpin_rpc::{Endpoint, Request};
///
/// let request = Request::new(Endpoint::new("math", "add"), r#"{"a":1,"b":2}"#, &Context::background())
///     .within(Duration::from_millis(500))
///     .header("x-tenant", "acme")
///     .idempotent();
/// assert_eq!(request.endpoint.subject(), "math.add");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// Where it goes.
    pub endpoint: Endpoint,
    /// The question.
    pub body: Bytes,
    /// Headers beside those of request id, trace and deadline.
    pub headers: Headers,
    /// The unit of work that the call belongs to. Its request id and trace are sent.
    pub context: Context,
    /// How long the call may take in all. Inside a handler the handler's own deadline counts too.
    pub within: Duration,
    /// Whether a repetition does no harm: the call is retried after a lost connection.
    pub idempotent: bool,
    /// On whose behalf the call is made, if the service is to know.
    pub identity: Option<Identity>,
}

impl Request {
    /// A request with five seconds to live.
    pub fn new(endpoint: impl Into<Endpoint>, body: impl Into<Bytes>, context: &Context) -> Self {
        Self {
            endpoint: endpoint.into(),
            body: body.into(),
            headers: Headers::new(),
            context: context.clone(),
            within: Duration::from_secs(5),
            idempotent: false,
            identity: None,
        }
    }

    /// Sets how long the call may take in all.
    #[must_use]
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Declares that a repetition does no harm.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Adds a header; see [`Headers`].
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sends the identity of the caller: headers `x-caller` and `x-organization-id`. The service believes them only if its
    /// [`Authenticator`](crate::layer::Authenticator) does.
    #[must_use]
    pub fn on_behalf_of(mut self, identity: &Identity) -> Self {
        self.identity = Some(identity.clone());
        self
    }
}

/// The result of a call.
///
/// # Examples
/// ```
/// use underpin_rpc::Reply;
///
/// let reply = Reply::new("pong").header("x-server", "a");
/// assert_eq!((&reply.body[..], reply.headers.get("x-server")), (&b"pong"[..], Some("a")));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The answer.
    pub body: Bytes,
    /// Headers.
    pub headers: Headers,
}

impl Reply {
    /// A reply without headers.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), headers: Headers::new() }
    }

    /// Adds a header; see [`Headers`].
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name, value);
        self
    }
}
