use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use tower_layer::Layer;
use tower_service::Service as TowerService;
use underpin_errors::{BoxError, Error};

use super::adapter::ReplyFuture;
use crate::call::Call;
use crate::identity::Identity;
use crate::propagate;
use crate::request::Reply;

/// Establishes who makes a call: from a token in a header, a signature, or the headers of a trusted gateway.
///
/// # Examples
/// ```
/// use async_trait::async_trait;
/// use underpin_errors::Error;
/// use underpin_rpc::layer::Authenticator;
/// use underpin_rpc::{Call, Identity};
///
/// struct Tokens;
///
/// #[async_trait]
/// impl Authenticator for Tokens {
///     async fn authenticate(&self, call: &Call) -> Result<Identity, Error> {
///         match call.headers().get("authorization") {
///             Some("Bearer alice-token") => Ok(Identity::new("user:alice").organization("acme")),
///             Some(_) => Err(Error::unauthorized("the token is not valid")),
///             None => Err(Error::unauthorized("a token is required")),
///         }
///     }
/// }
/// # let _: &dyn Authenticator = &Tokens;
/// ```
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// The identity of the caller. Called once for each call, before the handler; concurrent calls are independent.
    ///
    /// # Errors
    /// What the caller gets: mostly [`Error::unauthorized`] or [`Error::forbidden`].
    ///
    /// # Cancel safety
    /// The future is dropped when the deadline of the call passes.
    async fn authenticate(&self, call: &Call) -> Result<Identity, Error>;
}

const _: fn(&dyn Authenticator) = |_| ();

/// Believes the identity that a caller sends with [`Request::on_behalf_of`](crate::Request::on_behalf_of). Only for subjects that the
/// permissions of the NATS server keep from everybody but trusted services.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ForwardedIdentity;

impl ForwardedIdentity {
    /// The authenticator.
    pub fn new() -> Self {
        Self
    }
}

#[async_trait]
impl Authenticator for ForwardedIdentity {
    async fn authenticate(&self, call: &Call) -> Result<Identity, Error> {
        propagate::claimed_identity(call.headers())
            .ok_or_else(|| Error::unauthorized("the call names no caller"))
    }
}

/// Lets only calls through whose caller an [`Authenticator`] accepts; [`Call::identity`] has the result.
#[derive(Clone)]
pub struct AuthenticateLayer(Arc<dyn Authenticator>);

impl AuthenticateLayer {
    /// A layer with this authenticator.
    pub fn new(authenticator: impl Authenticator) -> Self {
        Self(Arc::new(authenticator))
    }

    /// A layer with an authenticator that others share.
    pub fn shared(authenticator: Arc<dyn Authenticator>) -> Self {
        Self(authenticator)
    }
}

impl fmt::Debug for AuthenticateLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthenticateLayer")
    }
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = AuthenticateService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AuthenticateService { inner, authenticator: Arc::clone(&self.0) }
    }
}

/// The service of [`AuthenticateLayer`].
#[derive(Clone)]
pub struct AuthenticateService<S> {
    inner: S,
    authenticator: Arc<dyn Authenticator>,
}

impl<S> fmt::Debug for AuthenticateService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthenticateService")
    }
}

impl<S> TowerService<Call> for AuthenticateService<S>
where
    S: TowerService<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    type Response = Reply;
    type Error = BoxError;
    type Future = ReplyFuture;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(task).map_err(Into::into)
    }

    fn call(&mut self, call: Call) -> ReplyFuture {
        // The one that is ready goes along, its clone stays.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let authenticator = Arc::clone(&self.authenticator);
        Box::pin(async move {
            let identity = authenticator.authenticate(&call).await?;
            inner.call(call.with_identity(identity)).await.map_err(Into::into)
        })
    }
}
