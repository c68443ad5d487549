//! What `tonic-prost-build` makes of a `.proto` file with one method, written by hand: the workspace has no `protoc`.
//!
//! ```proto
//! package greeter;
//! service Greeter { rpc Greet(google.protobuf.StringValue) returns (google.protobuf.StringValue); }
//! ```

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::http;
use tonic::codegen::{BoxFuture, Bytes, InterceptedService, Service, StdError};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::service::Interceptor;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

const METHOD: &str = "/greeter.Greeter/Greet";

/// The service that an adopter implements.
#[async_trait]
pub trait Greeter: Send + Sync + 'static {
    /// Greets who has this name.
    ///
    /// # Errors
    /// What the service says.
    async fn greet(&self, request: Request<String>) -> Result<Response<String>, Status>;
}

/// A [`Greeter`] as a tower service.
#[derive(Debug)]
pub struct GreeterServer<T>(Arc<T>);

impl<T: Greeter> GreeterServer<T> {
    /// Without an interceptor.
    pub fn new(inner: T) -> Self {
        Self(Arc::new(inner))
    }

    /// With an interceptor, which sees each request first.
    pub fn with_interceptor<F: Interceptor>(inner: T, interceptor: F) -> InterceptedService<Self, F> {
        InterceptedService::new(Self::new(inner), interceptor)
    }
}

impl<T> Clone for GreeterServer<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> NamedService for GreeterServer<T> {
    const NAME: &'static str = "greeter.Greeter";
}

impl<T, B> Service<http::Request<B>> for GreeterServer<T>
where
    T: Greeter,
    B: tonic::codegen::Body + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let greet = Greet(Arc::clone(&self.0));
        Box::pin(async move {
            match request.uri().path() {
                METHOD => Ok(Grpc::new(ProstCodec::default()).unary(greet, request).await),
                _ => Ok(Status::unimplemented("no such method").into_http()),
            }
        })
    }
}

struct Greet<T>(Arc<T>);

impl<T: Greeter> UnaryService<String> for Greet<T> {
    type Response = String;
    type Future = BoxFuture<Response<String>, Status>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.greet(request).await })
    }
}

/// The client.
#[derive(Clone, Debug)]
pub struct GreeterClient<S>(tonic::client::Grpc<S>);

impl<S> GreeterClient<S>
where
    S: GrpcService<Body>,
    S::Error: Into<StdError>,
    S::ResponseBody: tonic::codegen::Body<Data = Bytes> + Send + 'static,
    <S::ResponseBody as tonic::codegen::Body>::Error: Into<StdError> + Send,
{
    /// A client over this channel.
    pub fn new(channel: S) -> Self {
        Self(tonic::client::Grpc::new(channel))
    }

    /// Calls the method.
    ///
    /// # Errors
    /// The status of the server, or `UNAVAILABLE`.
    pub async fn greet(&mut self, request: Request<String>) -> Result<Response<String>, Status> {
        let ready = self.0.ready().await;
        ready.map_err(|error| Status::unavailable(error.into().to_string()))?;
        let path = http::uri::PathAndQuery::from_static(METHOD);
        self.0.unary(request, path, ProstCodec::default()).await
    }
}

impl<S> GreeterClient<S> {
    /// A client that sends each request through an interceptor.
    pub fn with_interceptor<F: Interceptor>(
        channel: S,
        interceptor: F,
    ) -> GreeterClient<InterceptedService<S, F>> {
        GreeterClient(tonic::client::Grpc::new(InterceptedService::new(channel, interceptor)))
    }
}
