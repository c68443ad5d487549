use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use tower_service::Service as TowerService;
use underpin_errors::{BoxError, Error, Kind};

use crate::call::Call;
use crate::handler::Handler;
use crate::request::Reply;

/// The future of the services of the layers here.
pub(super) type ReplyFuture = Pin<Box<dyn Future<Output = Result<Reply, BoxError>> + Send>>;

/// A handler as a tower service: what layers wrap.
#[derive(Clone)]
pub struct HandlerService(Arc<dyn Handler>);

impl HandlerService {
    /// The service of a handler.
    pub fn new(handler: Arc<dyn Handler>) -> Self {
        Self(handler)
    }
}

impl TowerService<Call> for HandlerService {
    type Response = Reply;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let handler = Arc::clone(&self.0);
        Box::pin(async move { handler.handle(call).await })
    }
}

impl fmt::Debug for HandlerService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandlerService")
    }
}

/// A tower service as a handler. Each call gets a clone, since `call` takes `&mut self`.
///
/// An [`Error`] that passed through layers as a `BoxError` comes out as it went in. The errors of tower's own load-shed and timeout
/// layers are recognised by their names; any other error is internal.
pub fn handler_of<S>(service: S) -> Arc<dyn Handler>
where
    S: TowerService<Call, Response = Reply> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    Arc::new(Tower(service))
}

struct Tower<S>(S);

#[async_trait]
impl<S> Handler for Tower<S>
where
    S: TowerService<Call, Response = Reply> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    async fn handle(&self, call: Call) -> Result<Reply, Error> {
        let mut service = self.0.clone();
        let ready = std::future::poll_fn(|task| service.poll_ready(task)).await;
        ready.map_err(|error| unboxed(error.into()))?;
        service.call(call).await.map_err(|error| unboxed(error.into()))
    }
}

fn unboxed(error: BoxError) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(error) => return *error,
        Err(error) => error,
    };
    // This crate does not depend on tower itself, whose errors are known by their texts.
    match error.to_string().as_str() {
        "service overloaded" => Error::too_many_requests("too many calls at once").caused_by(error),
        "request timed out" => Error::wrap(Kind::DeadlineExceeded, error, "a layer ended the call"),
        _ => Error::wrap(Kind::Internal, error, "a layer failed"),
    }
}

/// The error type of a service that cannot fail is fine too.
const _: fn(Infallible) -> BoxError = Into::into;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_being_boxed() {
        let error = unboxed(Box::new(Error::not_found("no order").code("ORDER_NOT_FOUND")));
        assert_eq!((error.kind(), error.error_code()), (Kind::NotFound, "ORDER_NOT_FOUND"));
        assert_eq!(unboxed("service overloaded".into()).kind(), Kind::ResourceExhausted);
        assert_eq!(unboxed("request timed out".into()).kind(), Kind::DeadlineExceeded);
        assert_eq!(unboxed("anything".into()).kind(), Kind::Internal);
    }
}
