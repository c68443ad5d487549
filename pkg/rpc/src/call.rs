use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::time::Instant;
use underpin_errors::{Error, Kind};
use underpin_logger::Context;

use crate::deadline;
use crate::endpoint::Endpoint;
use crate::error::RpcError;
use crate::headers::Headers;
use crate::identity::Identity;
use crate::method::Method;
use crate::propagate;

/// One call, as its handler sees it. Cheap to clone.
///
/// # Examples
/// ```
/// use underpin_rpc::{Call, Endpoint};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// // A handler needs no bus to be tested.
/// let call = Call::new(Endpoint::new("math", "add"), r#"{"a":1}"#);
/// assert_eq!(call.json::<serde_json::Value>().unwrap()["a"], 1);
/// assert!(call.json::<Vec<u8>>().is_err());
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Call {
    received: Arc<Received>,
    context: Context,
    deadline: Instant,
    identity: Option<Identity>,
}

/// What no layer changes.
#[derive(Debug)]
struct Received {
    endpoint: Endpoint,
    body: Bytes,
    headers: Headers,
    given_up: AtomicBool,
    waiting: Notify,
}

/// Tells the clones of a call that it is given up, when dropped.
pub(crate) struct GiveUpOnDrop<'a>(&'a Received);

impl Drop for GiveUpOnDrop<'_> {
    fn drop(&mut self) {
        self.0.given_up.store(true, Ordering::SeqCst);
        self.0.waiting.notify_waiters();
    }
}

impl Call {
    /// How long a call may take whose caller does not tell.
    pub(crate) const DEFAULT_WITHIN: Duration = Duration::from_secs(60);

    /// A call, for tests of handlers.
    pub fn new(endpoint: impl Into<Endpoint>, body: impl Into<Bytes>) -> Self {
        Self::of_test(endpoint.into(), body.into())
    }

    /// A typed call, for tests of handlers.
    ///
    /// # Errors
    /// [`RpcError::Encode`] when the question does not encode.
    pub fn typed<Q: Serialize, A>(method: &Method<Q, A>, question: &Q) -> Result<Self, RpcError> {
        let request = method.request(&Context::background(), question)?;
        Ok(Self::of_test(request.endpoint, request.body))
    }

    fn of_test(endpoint: Endpoint, body: Bytes) -> Self {
        let (headers, now) = (Headers::new(), Instant::now());
        let context = propagate::context(&headers);
        Self::received(endpoint, body, headers, context, now, Self::DEFAULT_WITHIN)
    }

    /// A call that has just arrived. A caller that does not tell how long it waits gets at most `limit`.
    pub(crate) fn received(
        endpoint: Endpoint,
        body: Bytes,
        headers: Headers,
        context: Context,
        now: Instant,
        limit: Duration,
    ) -> Self {
        let within = propagate::remaining(&headers).map_or(limit, |left| left.min(limit));
        let (given_up, waiting) = (AtomicBool::new(false), Notify::new());
        let received = Arc::new(Received { endpoint, body, headers, given_up, waiting });
        Self { received, context, deadline: deadline::from(now, within), identity: None }
    }

    /// The endpoint that was called.
    pub fn endpoint(&self) -> &Endpoint {
        &self.received.endpoint
    }

    /// The question.
    pub fn body(&self) -> &Bytes {
        &self.received.body
    }

    /// The question out of JSON.
    ///
    /// # Errors
    /// An error of kind [`Kind::InvalidArgument`], with the position.
    pub fn json<Q: DeserializeOwned>(&self) -> Result<Q, Error> {
        serde_json::from_slice(self.body()).map_err(|error| {
            let text = format!("the body is not what this endpoint takes: {error}");
            Error::new(Kind::InvalidArgument, text).code("INVALID_BODY")
        })
    }

    /// The headers.
    pub fn headers(&self) -> &Headers {
        &self.received.headers
    }

    /// Request id and trace of the caller, in a span of this call.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// When the caller gives up. The handler is dropped then.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How much time is left.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Who calls, once an [`AuthenticateLayer`](crate::layer::AuthenticateLayer) has established it.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Waits until the call is given up: its deadline has passed, or a drain ran out of time. For work that a dropped future does
    /// not end, such as a blocking task that holds a clone of the call.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn cancelled(&self) {
        let waiting = self.received.waiting.notified();
        // Who comes later than the notification sees the flag.
        if !self.is_cancelled() {
            waiting.await;
        }
    }

    /// Whether the call is given up.
    pub fn is_cancelled(&self) -> bool {
        self.received.given_up.load(Ordering::SeqCst)
    }

    /// The call with another context: for layers.
    #[must_use]
    pub fn with_context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// The call with an earlier deadline: for layers. A later one changes nothing.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = self.deadline.min(deadline);
        self
    }

    /// The call with the identity of its caller: for layers. Its organization becomes that of the context.
    #[must_use]
    pub fn with_identity(mut self, identity: Identity) -> Self {
        if let Some(organization) = identity.organization_id() {
            self.context = self.context.with_organization(organization);
        }
        self.identity = Some(identity);
        self
    }

    pub(crate) fn give_up_on_drop(&self) -> GiveUpOnDrop<'_> {
        GiveUpOnDrop(&self.received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_clone_learns_that_a_call_is_given_up() {
        let call = Call::new("a.b", "");
        let (guard, clone) = (call.give_up_on_drop(), call.clone());
        let waiting = tokio::spawn(async move { clone.cancelled().await });
        tokio::task::yield_now().await;
        assert!(!call.is_cancelled() && !waiting.is_finished());
        drop(guard);
        waiting.await.unwrap();
        call.cancelled().await;
        assert!(call.is_cancelled());
    }
}
